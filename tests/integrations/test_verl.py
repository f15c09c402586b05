import importlib.util
import math
from pathlib import Path

import pytest
from tests.integrations.receiver import Receiver, Script

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("verl") is None, reason="verl is not installed"
)

SCRIPT = Path(__file__).with_name("track_with_verl.py")


@pytest.fixture(autouse=True)
def external_module(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VERL_USE_EXTERNAL_MODULES", "gadwatch_hooks.integrations.verl")


def test_a_verl_run_arrives_and_ends_as_it_ended(receiver: Receiver, script: Script) -> None:
    done = script(SCRIPT, "without", "dropped", "dropped-early", "finish", "finish-failed")
    assert done.returncode == 0, done.stderr
    assert receiver.ends == ["finished", "failed", "finished", "failed"]
    for run in receiver.created:
        assert (run["project"], run["name"]) == ("gad-7b", "warmup-7")
        assert (run["stage"], run["warmup_steps"]) == ("warmup", 3)
    assert math.isnan(receiver.steps[2]["val/mean@8"])
    assert receiver.stages == ["stage2", "stage2"]
    assert "step:1 - critic/d_acc:0.9" in done.stdout


def test_the_entry_point_installs_the_logger_without_any_variable(
    receiver: Receiver, script: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("VERL_USE_EXTERNAL_MODULES")
    done = script(SCRIPT, "finish")
    assert done.returncode == 0, done.stderr
    assert receiver.ends == ["finished"]
