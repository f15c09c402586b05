from pathlib import Path

import httpx2
import pytest
from tests.serving import ServedProcess

import gadwatch_hooks
from gadwatch_trainer import Result, TrainerConfig, run


@pytest.fixture(autouse=True)
def spool_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GADWATCH_SPOOL_DIR", str(tmp_path / "spool"))


def get(served: ServedProcess, run_id: str) -> dict[str, object]:
    with served.client() as client:
        found: httpx2.Response = client.get(f"/api/v1/runs/{run_id}")
        return dict(found.raise_for_status().json())


def test_a_rewound_training_is_a_new_attempt_of_the_same_run(
    served: ServedProcess, tiny: TrainerConfig
) -> None:
    config = tiny.with_(freeze_actor_steps=18, stage2_steps=0)
    run(config, url=served.url, token=served.token, id="back", fault="resume-rewind", onset=15)
    found = get(served, "back")
    assert (found["attempt"], found["last_step"], found["status"]) == (2, 18, "finished")


def test_a_diverged_training_is_a_failed_run_with_its_stage_known(
    served: ServedProcess, tiny: TrainerConfig
) -> None:
    config = tiny.with_(freeze_actor_steps=3, stage2_steps=9)
    result = run(config, url=served.url, token=served.token, id="ends", fault="nan", onset=2)
    found = get(served, "ends")
    assert result.diverged
    assert (found["status"], found["stage"]) == ("failed", "stage2")


def first_steps_of_stage2(served: ServedProcess, run_id: str) -> list[int]:
    """Where the service has the run's hand-overs: the steps behind which a stage was told."""
    attempts = get(served, run_id)["attempts"]
    assert isinstance(attempts, list)
    stages = [stage for attempt in attempts for stage in attempt["stages"]]
    return [stage["step"] + 1 for stage in stages if stage["stage"] == "stage2"]


def train_in_pace(served: ServedProcess, run_id: str, config: TrainerConfig) -> Result:
    """A gated training that hears the service's answer to each step before it takes the next."""
    opened: list[gadwatch_hooks.Run] = []
    return run(
        config, url=served.url, token=served.token, id=run_id, gate="auto", at_latest=True,
        on_start=opened.append, on_step=lambda *_: opened[-1].flush(30),
    )  # fmt: skip


def test_the_actor_thaws_when_the_service_says_ready(
    served: ServedProcess, tiny: TrainerConfig
) -> None:
    config = tiny.with_(prompts=16, freeze_actor_steps=75, stage2_steps=5)
    result = train_in_pace(served, "gated", config)
    assert result.stage2_from is not None
    assert 50 <= result.stage2_from < 75
    found = get(served, "gated")
    assert (found["stage"], found["last_step"], found["status"]) == ("stage2", 80, "finished")
    assert first_steps_of_stage2(served, "gated") == [result.stage2_from]
    assert found["first_ready_step"] == result.stage2_from - 1


def test_a_warm_up_that_is_not_ready_hands_over_at_the_latest_when_asked_to(
    served: ServedProcess, tiny: TrainerConfig
) -> None:
    config = tiny.with_(freeze_actor_steps=6, stage2_steps=2)
    assert train_in_pace(served, "late", config).stage2_from == 7
    assert first_steps_of_stage2(served, "late") == [7]


def test_a_limit_without_an_automatic_gate_is_refused(tiny: TrainerConfig) -> None:
    with pytest.raises(ValueError, match="at_latest is the limit of gate auto"):
        run(tiny, push=False, at_latest=True)
