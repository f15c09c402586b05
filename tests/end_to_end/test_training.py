"""From the training loop to the verdict: real trainer, hook, server process and database."""

import os
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import httpx2
import pytest
from tests.serving import ServedProcess, serve

import gadwatch_trainer
from gadwatch_trainer import TrainerConfig

SMALL = TrainerConfig(
    seed=1, width=16, prompts=8, responses=4, pretrain_steps=10, freeze_actor_steps=60,
    stage2_steps=0, exact_prompts=16, probe_prompts=8,
)  # fmt: skip
"""Trains in seconds; whether it becomes healthy is not the point here."""


@pytest.fixture(autouse=True)
def spool_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GADWATCH_SPOOL_DIR", str(tmp_path / "spool"))


def stored_steps(client: httpx2.Client, run: str) -> list[int]:
    lines = client.get(f"/api/v1/runs/{run}/export", params={"format": "csv"}).text.splitlines()
    column = lines[0].split(",").index("step")
    return [int(line.split(",")[column]) for line in lines[1:]]


def test_a_real_training_is_judged_while_it_runs_and_its_verdict_is_read_over_rest(
    served: ServedProcess,
) -> None:
    result = gadwatch_trainer.run(SMALL, url=served.url, token=served.token, id="small")
    with served.client() as client:
        run = client.get("/api/v1/runs/small").json()
        readiness = client.get("/api/v1/runs/small/readiness").json()
        assessment = client.get("/api/v1/runs/small/assessment").json()
        steps = stored_steps(client, "small")
    assert result.steps == 60
    assert run["status"] == "finished"
    assert run["last_step"] == 60
    assert steps == list(range(1, 61))
    assert assessment["pack"].startswith("gad-warmup@")
    clauses = {clause["id"]: clause for clause in readiness["readiness"]["clauses"]}
    assert clauses["min_steps"]["status"] == "pass"
    assert readiness["readiness"]["verdict"] in {"ready", "not_ready"}


def test_a_nan_in_training_is_critical_at_once_and_the_rule_is_named(
    served: ServedProcess,
) -> None:
    gadwatch_trainer.run(
        SMALL, url=served.url, token=served.token, id="broken", fault="nan", onset=20
    )
    with served.client() as client:
        assessment = client.get("/api/v1/runs/broken/assessment").json()
    assert assessment["health"] == "critical"
    firing = [f for f in assessment["findings"] if f["state"] == "firing"]
    assert "finite" in {finding["rule"] for finding in firing}
    assert assessment["readiness"]["verdict"] != "ready"


def test_a_server_killed_in_mid_run_and_started_again_costs_no_step(
    database_url: str, tmp_path: Path
) -> None:
    with ExitStack() as services:
        first = services.enter_context(serve(tmp_path / "service", database_url))
        port = int(first.url.rsplit(":", 1)[1])

        def outage(step: int, _: object) -> None:
            if step == 20:
                first.kill()
            if step == 40:
                services.enter_context(serve(tmp_path / "service", database_url, port))

        result = gadwatch_trainer.run(
            SMALL, url=first.url, token=first.token, id="outage", on_step=outage
        )
        assert result.steps == 60
        # What the hook could not send before the run's end it has left for this command.
        sync = subprocess.run(
            [sys.executable, "-m", "gadwatch_cli", "sync", "--url", first.url],
            env={**os.environ, "GADWATCH_TOKEN": first.token},
            capture_output=True,
            text=True,
            check=False,
        )
        assert sync.returncode == 0, sync.stderr
        with first.client() as client:
            assert client.get("/api/v1/runs/outage").json()["status"] == "finished"
            assert stored_steps(client, "outage") == list(range(1, 61))
