import pytest
from tests.integrations.receiver import Receiver

pytest.importorskip("lightning", reason="lightning is not installed")

from tests.integrations.train_with_lightning import fit

# Lightning's own advice about workers and loaders is not the subject here.
pytestmark = pytest.mark.filterwarnings("ignore")


def test_a_fit_arrives_step_by_step_with_its_hyperparameters(receiver: Receiver) -> None:
    fit("fit")
    [run] = receiver.created
    assert (run["name"], run["project"]) == ("line", "lightning")
    trained = [step for step, values in receiver.steps.items() if "critic/ranking_loss" in values]
    assert trained == [0, 1, 2, 3, 4]
    assert any(config.get("lr") == 0.01 for config in [run["config"], *receiver.patches("config")])
    assert receiver.ends == ["finished"]


def test_a_fit_that_raises_is_failed(receiver: Receiver) -> None:
    with pytest.raises(RuntimeError, match="exploded"):
        fit("crash")
    assert receiver.ends == ["failed"]


def test_a_test_after_the_fit_opens_the_same_run_again_without_stepping_back(
    receiver: Receiver,
) -> None:
    fit("test")
    assert len({run["id"] for run in receiver.created}) == 1
    [tested] = [step for step, values in receiver.steps.items() if "test/loss" in values]
    assert tested == 5
    assert receiver.ends == ["finished", "finished"]
