"""The hook against the real service: nothing in between is made up."""

import math
import pickle
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.serving import ServedProcess, serve, wait_until

import gadwatch_hooks
from gadwatch_hooks import Client, Run, RunExistsError, RunNotFoundError

Begin = Callable[..., Run]


def healthy(step: int) -> dict[str, float]:
    """A healthy warm-up's metrics: the reference run's figures with a little noise."""
    noise = random.Random(step)
    return {
        "critic/d_acc": 0.9 + noise.uniform(-0.02, 0.02),
        "critic/score_diff": 1.81 + noise.uniform(-0.05, 0.05),
        "critic/teacher_score_mean": 0.9,
        "critic/student_score_mean": -0.91,
        "critic/grad_norm": 0.5 + noise.uniform(-0.05, 0.05),
        "critic/ranking_loss": 0.53 + noise.uniform(-0.003, 0.003),
        "critic/rewards/mean": -1.88,
        "reward/discriminator_mean": -1.88,
        "critic/pairs": 256.0,
    }


@pytest.fixture
def begin(served: ServedProcess) -> Iterator[Begin]:
    runs: list[Run] = []

    def begin_run(**arguments: Any) -> Run:
        known = {"url": served.url, "token": served.token, "project": "gad"}
        runs.append(gadwatch_hooks.init(**{**known, **arguments}))
        return runs[-1]

    yield begin_run
    for run in runs:
        run.finish(timeout=1)


@pytest.fixture
def reader(served: ServedProcess) -> Iterator[Client]:
    client = Client(served.url, served.token)
    yield client
    client.close()


def test_the_trainers_alert_reaches_the_outbox(
    served: ServedProcess, begin: Begin, reader: Client
) -> None:
    with served.client() as owner:
        wish = {"kind": "webhook", "name": "on call", "url": "https://example.invalid/hook"}
        filters = {"kinds": ["message"]}
        made = owner.post("/api/v1/endpoints", json={**wish, "filters": filters})
        path = f"/api/v1/endpoints/{made.json()['endpoint_id']}"
        with begin(id="speaks") as run:
            run.log({"a": 1}, step=3)
            run.alert("evaluation failed", "score 0.1", level="error")
            assert run.flush(10)
            assert run.losses == {}
        [delivery] = owner.get("/api/v1/deliveries?run_id=speaks").json()["items"]
        detail = owner.get(f"/api/v1/deliveries/{delivery['delivery_id']}").json()
        owner.delete(path)
    event = detail["payload"]["stories"][0]["items"][0]["event"]
    assert (detail["reason"], event["title"]) == ("message", "evaluation failed")
    assert (event["text"], event["severity"], event["step"]) == ("score 0.1", "critical", 3)
    assert reader.run("speaks").raw["losses"] == {}


def test_a_healthy_warm_up_becomes_ready_in_the_hook(begin: Begin, reader: Client) -> None:
    heard: list[str] = []
    run = begin(
        id="warmup-7",
        stage="warmup",
        warmup_steps=120,
        config={"lr": 1e-3},
        tags=["a"],
        group="g",
        project="gad-7b",
    )
    run.on_verdict(heard.append)
    for step in range(1, 121):
        run.log(healthy(step), step=step)
    assert run.flush(30)
    assert run.wait_ready(timeout=20)
    assert (heard[-1], run.health) == ("ready", "ok")
    run.set_stage("stage2")
    run.log({**healthy(121), "actor/pg_loss": 0.1}, step=121)
    run.config.update(lr=2e-3)
    run.finish()

    known = reader.run("warmup-7")
    assert (known.status, known.stage, known.last_step) == ("finished", "stage2", 121)
    assert known.raw["config"] == {"lr": 2e-3}
    assert (known.tags, known.raw["group"], known.raw["source"]) == (["a"], "g", "hook")
    assert [r.id for r in reader.runs(project="gad-7b")] == ["warmup-7"]
    assert "critic/d_acc" in reader.metrics("warmup-7")
    assert known.raw["losses"] == {}
    history = reader.history("warmup-7", "critic/d_acc")
    assert list(history.index) == list(range(1, 122))
    assert history["critic/d_acc"][7] == healthy(7)["critic/d_acc"]
    assert len(reader.figure("warmup-7", "critic/d_acc").data[0].x) == 121


def test_a_nan_is_found(begin: Begin, reader: Client) -> None:
    with begin(id="sick", stage="warmup") as run:
        run.log(healthy(1), step=1)
        run.log({**healthy(2), "critic/ranking_loss": math.nan}, step=2)
        run.log(healthy(3), step=3)
        assert run.flush(10)
        assert run.health == "critical"
    assert reader.assessment("sick").health == "critical"
    assert math.isnan(reader.history("sick")["critic/ranking_loss"][2])
    assert any(
        finding.rule == "finite" and finding.metric == "critic/ranking_loss"
        for finding in reader.findings("sick")
    )


def test_what_was_lost_is_on_the_run(begin: Begin, reader: Client) -> None:
    with begin(id="lossy") as run:
        run.log({"a": 1, "image": object()}, step=1)
    assert reader.run("lossy").raw["losses"] == {"not_a_number": 1}


def test_a_promise_is_kept_by_the_service(begin: Begin, reader: Client) -> None:
    run = begin(id="promise")
    run.log({"a": 1}, step=1)
    run.expect_next(within=900)
    assert run.flush(10)
    assert reader.run("promise").status == "running"
    assert run.losses == {}


@pytest.mark.parametrize("status", ["failed", "killed"])
def test_a_run_ends_as_the_hook_says(begin: Begin, reader: Client, status: Any) -> None:
    begin(id=f"run-{status}").finish(status)
    assert reader.run(f"run-{status}").status == status


def test_a_resumed_run_goes_on_and_a_rewound_one_opens_an_attempt(
    begin: Begin, reader: Client
) -> None:
    with begin(id="rewound", stage="warmup") as run:
        for _ in range(5):
            run.log({"critic/d_acc": 0.8})
    with begin(id="rewound", resume="must") as run:
        run.log({"critic/d_acc": 0.8})
    known = reader.run("rewound")
    assert (known.last_step, known.raw["attempt"]) == (6, 1)
    with begin(id="rewound") as run:
        run.log({"critic/d_acc": 0.8}, step=4)
    assert reader.run("rewound").raw["attempt"] == 2


def test_a_run_that_travels_stays_one_attempt_and_all_its_losses_count(
    begin: Begin, reader: Client
) -> None:
    run = begin(id="travels")
    for step in range(1, 6):
        run.log({"loss": 1.0, "image": object()}, step=step)
    assert run.flush(10)
    actors = [pickle.loads(pickle.dumps(run)) for _ in range(2)]
    for number, actor in enumerate(actors):
        actor.log({f"actor-{number}": 1.0, "image": object()}, step=3)
        assert actor.flush(10)
    run.log({"loss": 1.0}, step=6)
    assert run.flush(10)
    for actor in actors:
        actor.end_with_process("finished")
    known = reader.run("travels")
    assert (known.last_step, known.raw["attempt"], known.status) == (6, 1, "running")
    assert known.raw["losses"] == {"not_a_number": 7}
    assert reader.history("travels").loc[3].to_dict() == {
        "loss": 1.0,
        "actor-0": 1.0,
        "actor-1": 1.0,
    }


@pytest.mark.parametrize("status", ["finished", "failed", "killed"])
def test_a_run_that_had_ended_runs_again_when_it_is_resumed(
    begin: Begin, reader: Client, status: Any
) -> None:
    first = begin(id=f"again-{status}")
    first.log({"a": 1, "image": object()}, step=1)
    first.finish(status)
    run = begin(id=f"again-{status}", resume="must")
    run.log({"a": 1, "image": object()})
    assert run.flush(10)
    known = reader.run(f"again-{status}")
    assert (known.status, known.raw["finished_at"], known.last_step) == ("running", None, 2)
    assert known.raw["losses"] == {"not_a_number": 2}
    run.finish()
    assert reader.run(f"again-{status}").status == "finished"


def test_resume_is_held_against_the_real_service(begin: Begin) -> None:
    begin(id="there")
    with pytest.raises(RunExistsError):
        begin(id="there", resume="never")
    with pytest.raises(RunNotFoundError):
        begin(id="nowhere", resume="must")


def test_a_wrong_token_keeps_the_steps(
    served: ServedProcess, tmp_path: Path, reader: Client
) -> None:
    with gadwatch_hooks.init(id="locked-out", url=served.url, token="gw_wrong") as run:
        run.log({"a": 1}, step=1)
    [result] = gadwatch_hooks.sync(url=served.url, token=served.token)
    assert (result.run_id, result.complete) == ("locked-out", True)
    assert reader.run("locked-out").last_step == 1


def test_no_step_is_missing_after_the_service_was_killed_and_started_again(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gadwatch_hooks.breaker.wait_seconds", lambda *_: 0.1)
    with serve(tmp_path / "service", database_url) as first:
        port = int(first.url.rpartition(":")[2])
        run = gadwatch_hooks.init(id="r", url=first.url, token=first.token)
        for step in range(1, 51):
            run.log({"a": step}, step=step)
        wait_until(lambda: run._worker is not None and run._worker._delivery.steps_sent > 0)
        first.kill()
        for step in range(51, 101):
            run.log({"a": step}, step=step)
    with serve(tmp_path / "service", database_url, port=port) as second:
        assert run.flush(30)
        run.finish()
        reader = Client(second.url, second.token)
        known = reader.run("r")
        reader.close()
    assert (known.raw["steps"], known.last_step, known.status) == (100, 100, "finished")
    assert known.raw["attempt"] == 1
