import logging
import math
from pathlib import Path

import pytest
from tests.integrations.receiver import Receiver, Script

pytest.importorskip("transformers", reason="transformers is not installed")

from tests.integrations.train_with_huggingface import trainer_for

SCRIPT = Path(__file__).with_name("train_with_huggingface.py")


def test_a_trainers_logs_arrive_by_global_step_with_its_arguments(receiver: Receiver) -> None:
    trainer_for("normal").train()
    [run] = receiver.created
    assert (run["name"], run["project"], run["tags"]) == ("line", "hf", ["tiny"])
    assert run["config"]["learning_rate"] == 0.01
    assert sorted(receiver.steps) == [1, 2, 3, 4, 5]
    assert all({"loss", "grad_norm"} <= set(step) for step in receiver.steps.values())
    assert receiver.ends == ["finished"]


def test_a_nan_loss_arrives_as_nan_when_the_filter_is_off(
    receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    trainer_for("nan").train()
    assert math.isnan(receiver.steps[2]["loss"])
    assert "logging_nan_inf_filter" not in caplog.text


def test_the_nan_filter_is_warned_of_with_its_remedy(
    receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "gadwatch"):
        trainer_for("filtered").train()
    assert "TrainingArguments(logging_nan_inf_filter=False)" in caplog.text


def test_a_run_that_an_exception_left_open_is_failed_when_training_starts_again(
    receiver: Receiver,
) -> None:
    trainer = trainer_for("caught")
    with pytest.raises(RuntimeError, match="exploded"):
        trainer.train()
    trainer.train()
    assert receiver.ends == ["failed", "finished"]
    assert len({run["id"] for run in receiver.created}) == 2


@pytest.mark.parametrize(
    ("how", "status"), [("crash", "failed"), ("caught", "failed"), ("interrupt", "killed")]
)
def test_a_training_that_did_not_reach_its_end_says_so_however_the_process_ends(
    receiver: Receiver, script: Script, how: str, status: str
) -> None:
    done = script(SCRIPT, how)
    assert (done.returncode == 0) == (how == "caught")
    assert sorted(receiver.steps) == [1, 2]
    assert receiver.ends == [status]
