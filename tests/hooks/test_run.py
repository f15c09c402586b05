import logging
import math
import threading
from collections.abc import Callable
from typing import Any

import pytest
from tests.hooks.fake_service import FakeService
from tests.serving import wait_until

import gadwatch_hooks
from gadwatch_hooks import Run, RunExistsError, RunNotFoundError

Begin = Callable[..., Run]


def test_everything_arrives_in_the_order_of_the_calls(begin: Begin, service: FakeService) -> None:
    with begin(id="r", name="warmup-7", stage="warmup", warmup_steps=3, tags=["a"]) as run:
        run.log({"critic/d_acc": 0.9}, step=1)
        run.log({"critic/d_acc": 0.91}, step=2)
        run.expect_next(within=900)
        run.set_stage("stage2")
        run.log({"critic/d_acc": 0.92}, step=3)
        run.config.update({"lr": 1e-3})
        run.alert("look", "at this", level="error")
    session = service.requests[1][2]["session"]
    said = service.requests[-2][2]["id"]

    def with_time_left_out(body: dict[str, Any]) -> dict[str, Any]:
        steps = [{k: v for k, v in step.items() if k != "time"} for step in body.get("steps", [])]
        return {**body, **({"steps": steps} if "steps" in body else {})}

    assert [(m, p, with_time_left_out(b)) for m, p, b in service.requests] == [
        (
            "POST",
            "/api/v1/runs",
            {
                "id": "r",
                "name": "warmup-7",
                "project": "p",
                "config": {},
                "tags": ["a"],
                "source": "hook",
                "stage": "warmup",
                "warmup_steps": 3,
            },
        ),
        (
            "POST",
            "/api/v1/runs/r/steps",
            {
                "session": session,
                "steps": [
                    {"step": 1, "metrics": {"critic/d_acc": 0.9}},
                    {"step": 2, "metrics": {"critic/d_acc": 0.91}},
                ],
                "expect_next": 900.0,
            },
        ),
        ("POST", "/api/v1/runs/r/stage", {"stage": "stage2", "step": 2}),
        (
            "POST",
            "/api/v1/runs/r/steps",
            {"session": session, "steps": [{"step": 3, "metrics": {"critic/d_acc": 0.92}}]},
        ),
        ("PATCH", "/api/v1/runs/r", {"config": {"lr": 1e-3}}),
        (
            "POST",
            "/api/v1/runs/r/alerts",
            {"id": said, "title": "look", "text": "at this", "level": "error", "step": 3},
        ),
        ("POST", "/api/v1/runs/r/finish", {"status": "finished"}),
    ]


def test_without_a_step_the_run_counts_from_one(begin: Begin, service: FakeService) -> None:
    with begin() as run:
        run.log({"a": 1})
        run.log({"a": 2})
        run.log({"a": 3}, step=10)
        run.log({"a": 4})
    assert service.steps() == [1, 2, 10, 11]


def test_a_resumed_run_counts_on(begin: Begin, service: FakeService) -> None:
    service.known_runs.add("old")
    service.last_step = 41
    with begin(id="old", stage="stage2") as run:
        run.log({"a": 1})
    assert service.steps() == [42]
    assert ("PATCH", "/api/v1/runs/old", {"stage": "stage2"}) in service.requests


def test_non_finite_values_are_spelled_and_none_is_left_out(
    begin: Begin, service: FakeService
) -> None:
    with begin() as run:
        run.log({"nan": math.nan, "inf": math.inf, "low": -math.inf, "none": None, "one": True})
    [body] = service.bodies("/steps")
    assert body["steps"][0]["metrics"] == {
        "nan": "NaN",
        "inf": "Infinity",
        "low": "-Infinity",
        "one": 1.0,
    }


def test_later_changes_of_a_logged_dict_do_not_reach_the_service(
    begin: Begin, service: FakeService
) -> None:
    numpy = pytest.importorskip("numpy")
    total = numpy.array(1.0)
    metrics: dict[str, Any] = {"a": 1.0, "total": total}
    with begin() as run:
        run.log(metrics)
        metrics["a"] = 2.0
        total += 5
    assert service.values("a") == [1.0]
    assert service.values("total") == [1.0]


def test_what_is_no_number_is_counted_and_reported(begin: Begin, service: FakeService) -> None:
    with begin() as run:
        run.log({"fine": 1, "image": object(), "text": "hello", "many": [1, 2], "bad\nname": 1})
        run.log(7, step=2)  # type: ignore[arg-type]
        run.log({"a": 1}, step=1.5)  # type: ignore[arg-type]
        run.log({"a": 1}, step=-1)
    assert run.losses == {
        "not_a_number": 3,
        "bad_name": 1,
        "not_a_mapping": 1,
        "bad_step": 2,
    }
    assert service.bodies("/steps")[-1]["losses"] == run.losses
    assert service.steps() == [1]


def test_the_verdict_of_the_last_answer_is_known_without_a_request(
    begin: Begin, service: FakeService
) -> None:
    heard: list[str] = []
    run = begin()
    run.on_verdict(heard.append)
    assert not run.ready()
    service.verdict = "ready"
    run.log({"a": 1})
    assert run.flush()
    assert run.ready()
    assert run.verdict == "ready"
    assert run.health == "ok"
    assert heard == ["ready"]


def test_a_callback_that_fails_harms_nobody(
    begin: Begin, service: FakeService, caplog: pytest.LogCaptureFixture
) -> None:
    run = begin()
    run.on_verdict(lambda _: 1 / 0)
    run.log({"a": 1})
    assert run.flush()
    assert "on_verdict callback failed" in caplog.text


def test_wait_ready_asks_until_the_verdict_comes(begin: Begin, service: FakeService) -> None:
    run = begin(id="r")
    run.log({"a": 1})
    assert run.flush()
    service.answers["/api/v1/runs/r/readiness"] = {"verdict": "ready"}
    assert run.wait_ready(timeout=10)


def test_wait_ready_ends_in_time(begin: Begin, service: FakeService) -> None:
    service.answers["/api/v1/runs/r/readiness"] = {"verdict": "not_ready"}
    assert not begin(id="r").wait_ready(timeout=0.3)


def test_threads_may_log_at_once(begin: Begin, service: FakeService) -> None:
    run = begin()
    threads = [
        threading.Thread(target=lambda: [run.log({"a": i}) for i in range(200)]) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    run.finish()
    assert sorted(service.steps()) == list(range(1, 801))


def test_resume_must_and_never_are_held_against_the_service(
    begin: Begin, service: FakeService
) -> None:
    service.answers["/api/v1/runs/there"] = {"id": "there"}
    with pytest.raises(RunExistsError, match="there exists already"):
        begin(id="there", resume="never")
    with pytest.raises(RunNotFoundError, match="no run gone"):
        begin(id="gone", resume="must")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"id": "a b"}, "id is 'a b'"),
        ({"id": ".hidden"}, "begin with a letter"),
        ({"stage": "stage3"}, "stage is 'stage3'"),
        ({"warmup_steps": 0}, "warmup_steps is 0"),
        ({"resume": "maybe"}, "resume is 'maybe'"),
        ({"resume": "must"}, "needs the id"),
        ({"mode": "on"}, "mode is 'on'"),
        ({"url": "localhost:8400"}, "must look like http"),
        ({"url": "http://me:secret@host"}, "GADWATCH_TOKEN"),
    ],
)
def test_arguments_that_cannot_be_meant_are_refused(arguments: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        gadwatch_hooks.init(**arguments)


def test_the_environment_stands_in_for_arguments(
    service: FakeService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GADWATCH_URL", service.url)
    monkeypatch.setenv("GADWATCH_TOKEN", "gw_secret")
    monkeypatch.setenv("GADWATCH_PROJECT", "proj")
    monkeypatch.setenv("GADWATCH_RUN_ID", "from-env")
    with gadwatch_hooks.init() as run:
        assert (run.id, run.project) == ("from-env", "proj")
    assert service.tokens == {"Bearer gw_secret"}


def test_no_token_appears_in_what_a_run_shows_of_itself(
    begin: Begin, caplog: pytest.LogCaptureFixture, service: FakeService
) -> None:
    caplog.set_level(logging.DEBUG)
    service.mode = 401
    run = begin(token="gw_very_secret")
    run.log({"a": 1})
    run.finish()
    shown = caplog.text + repr(run) + repr(run._settings) + repr(run._head)
    assert "gw_very_secret" not in shown
    assert "refuses this run" in caplog.text


def test_logging_after_the_end_is_told_once_and_ignored(
    begin: Begin, service: FakeService, caplog: pytest.LogCaptureFixture
) -> None:
    run = begin()
    run.finish()
    run.log({"a": 1})
    run.log({"a": 1})
    assert caplog.text.count("has ended") == 1
    assert service.steps() == []
    assert run.losses == {"after_finish": 2}


def test_an_empty_queue_wakes_the_service_for_nothing(begin: Begin, service: FakeService) -> None:
    run = begin()
    wait_until(lambda: len(service.requests) == 1, what="the run's introduction")
    assert run.flush()
    assert len(service.requests) == 1


def test_a_full_queue_drops_and_counts(
    begin: Begin, service: FakeService, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = begin()
    assert run._worker is not None
    with run._worker._draining:  # the disk hangs
        limit = run._settings.queue_limit
        for step in range(limit + 5):
            run.log({"a": 1}, step=step)
    run.finish()
    assert run.losses == {"queue_full": 5}
    assert service.steps() == list(range(limit))
