from pathlib import Path

import httpx2
import pytest
from tests.serving import ServedProcess

from gadwatch_trainer import TrainerConfig, run


@pytest.fixture(autouse=True)
def spool_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GADWATCH_SPOOL_DIR", str(tmp_path / "spool"))


def get(service: ServedProcess, run_id: str) -> dict[str, object]:
    with service.client() as client:
        found: httpx2.Response = client.get(f"/api/v1/runs/{run_id}")
        return dict(found.raise_for_status().json())


def test_a_rewound_training_is_a_new_attempt_of_the_same_run(
    service: ServedProcess, tiny: TrainerConfig
) -> None:
    config = tiny.with_(freeze_actor_steps=18, stage2_steps=0)
    run(config, url=service.url, token=service.token, id="back", fault="resume-rewind", onset=15)
    found = get(service, "back")
    assert (found["attempt"], found["last_step"], found["status"]) == (2, 18, "finished")


def test_a_diverged_training_is_a_failed_run_with_its_stage_known(
    service: ServedProcess, tiny: TrainerConfig
) -> None:
    config = tiny.with_(freeze_actor_steps=3, stage2_steps=9)
    result = run(config, url=service.url, token=service.token, id="ends", fault="nan", onset=2)
    found = get(service, "ends")
    assert result.diverged
    assert (found["status"], found["stage"]) == ("failed", "stage2")
