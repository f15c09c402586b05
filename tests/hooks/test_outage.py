import time
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.hooks.fake_service import FakeService, running
from tests.serving import free_port, wait_until

import gadwatch_hooks
from gadwatch_hooks import Run

Begin = Callable[..., Run]
TROUBLES = ["hang", "slam", "garbage", "drip", "html", 500, 503, 429, 401, 403, 404, 301]


@pytest.fixture(autouse=True)
def no_long_greeting(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same behaviour, with a wait that a test can afford."""
    monkeypatch.setenv("GADWATCH_INIT_SECONDS", "0.1")


@pytest.fixture
def short_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """For runs whose service does not answer."""
    monkeypatch.setenv("GADWATCH_FINISH_SECONDS", "0.3")


@pytest.mark.usefixtures("short_end")
@pytest.mark.parametrize("trouble", TROUBLES)
def test_a_service_in_trouble_costs_no_step_and_no_time(
    begin: Begin, service: FakeService, spool: Path, trouble: str | int
) -> None:
    service.mode = trouble
    started = time.monotonic()
    run = begin(id="r")
    for step in range(1, 301):
        run.log({"critic/d_acc": step / 1000}, step=step)
    run.finish()
    assert time.monotonic() - started < 5.0
    assert service.steps() == []

    service.mode = "ok"
    service.released.set()
    [done] = gadwatch_hooks.sync(url=service.url)
    assert (done.run_id, done.steps, done.complete) == ("r", 300, True)
    assert service.steps() == list(range(1, 301))
    assert service.statuses() == ["finished"]
    assert list(spool.iterdir()) == []


def test_a_service_that_is_gone_costs_no_step(spool: Path) -> None:
    port = free_port()
    run = gadwatch_hooks.init(id="r", url=f"http://127.0.0.1:{port}")
    for step in range(100):
        run.log({"a": step}, step=step)
    run.finish()
    with running(port) as service:
        assert [r.complete for r in gadwatch_hooks.sync(spool, url=service.url)] == [True]
        assert service.steps() == list(range(100))


def test_steps_flow_again_once_the_service_is_back(
    begin: Begin, service: FakeService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gadwatch_hooks.breaker.wait_seconds", lambda *_: 0.01)
    run = begin(id="r")
    run.log({"a": 1}, step=1)
    assert run.flush()
    service.mode = 503
    run.log({"a": 1}, step=2)
    wait_until(lambda: run._worker is not None and run._worker.trouble is not None)
    service.mode = "ok"
    run.log({"a": 1}, step=3)
    assert run.flush()
    assert service.steps() == [1, 2, 3]


def test_a_hanging_service_does_not_keep_steps_from_the_disk(
    begin: Begin, service: FakeService, spool: Path
) -> None:
    service.mode = "hang"
    run = begin(id="r")
    run.log({"a": 1}, step=1)
    [folder] = spool.iterdir()
    journal = folder / "steps.jsonl"
    wait_until(lambda: journal.read_bytes().count(b'"step"') == 1, what="step 1 on disk")
    run.log({"a": 1}, step=2)
    wait_until(lambda: journal.read_bytes().count(b'"step"') == 2, what="step 2 on disk")


def test_retry_after_is_honoured(begin: Begin, service: FakeService) -> None:
    service.mode = 429
    service.headers = {"Retry-After": "120"}
    run = begin(id="r")
    worker = run._worker
    assert worker is not None
    wait_until(lambda: worker.trouble is not None)
    assert worker._breaker._blocked_until - time.monotonic() > 100


def test_one_bad_step_does_not_take_the_others_with_it(begin: Begin, service: FakeService) -> None:
    service.poison = 137
    run = begin(id="r")
    for step in range(300):
        run.log({"a": 1}, step=step)
    assert run.flush(20)
    run.finish(timeout=10)
    assert service.steps() == [step for step in range(300) if step != 137]
    assert run.losses == {"rejected": 1}
    assert service.bodies("/steps")[-1]["losses"] == {"rejected": 1}


def test_a_service_that_forgot_the_run_gets_it_again(
    begin: Begin, service: FakeService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gadwatch_hooks.breaker.LONGEST_WAIT", 0.01)
    run = begin(id="r", name="seven")
    assert run.flush()
    service.known_runs.clear()
    run.log({"a": 1}, step=1)
    assert run.flush()
    assert [body["name"] for body in service.bodies("/runs")] == ["seven", "seven"]
    assert service.steps() == [1]


def test_a_config_that_is_refused_does_not_keep_the_run_out(
    begin: Begin, service: FakeService, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = service.answer

    def picky(method: str, path: str, body: dict[str, object]) -> tuple[int, object]:
        if body.get("config"):
            return 413, {"detail": "the config is too large"}
        return answer(method, path, body)

    monkeypatch.setattr(service, "answer", picky)
    with begin(id="r", config={"lr": 1}) as run:
        run.log({"a": 1}, step=1)
    assert service.steps() == [1]
    assert run.losses == {"config_rejected": 1}


def test_an_offline_run_is_written_and_sent_by_sync_alone(
    service: FakeService, spool: Path, begin: Begin
) -> None:
    with gadwatch_hooks.init(id="quiet", url=service.url, mode="offline") as run:
        run.log({"a": 1})
        run.set_stage("stage2")
        assert not run.flush(0.01)
    assert service.requests == []
    with begin(id="other") as other:
        other.log({"a": 1}, step=9)
    assert service.steps() == [9]
    assert [r.complete for r in gadwatch_hooks.sync(spool, url=service.url)] == [True]
    assert service.steps("quiet") == [1]
    assert service.statuses() == ["finished", "finished"]


def test_the_next_process_sends_what_the_last_one_could_not_in_order(
    begin: Begin, service: FakeService, spool: Path
) -> None:
    service.mode = 503
    first = begin(id="r")
    for step in (1, 2, 3):
        first.log({"a": 1}, step=step)
    first.finish("failed")
    service.mode = "ok"
    second = begin(id="r")
    second.log({"a": 1}, step=4)
    assert second.flush()
    assert service.steps() == [1, 2, 3, 4]
    sessions = [body["session"] for body in service.bodies("/steps")]
    assert len(set(sessions)) == 2
    second.finish()
    assert list(spool.iterdir()) == []


def test_another_runs_left_overs_are_sent_too(begin: Begin, service: FakeService) -> None:
    service.mode = 503
    first = begin(id="first")
    first.log({"a": 1}, step=1)
    first.finish()
    service.mode = "ok"
    begin(id="second")
    wait_until(lambda: service.steps("first") == [1], what="the first run's step")
    wait_until(lambda: service.statuses() == ["finished"])


def test_a_run_that_lives_is_left_to_its_process(begin: Begin, service: FakeService) -> None:
    service.mode = 503
    run = begin(id="r")
    run.log({"a": 1}, step=1)
    run.flush_to_disk()
    service.mode = "ok"
    assert gadwatch_hooks.sync(url=service.url) == []


def test_without_a_disk_steps_still_arrive(
    begin: Begin, service: FakeService, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    blocked = tmp_path / "a-file"
    blocked.write_text("")
    monkeypatch.setenv("GADWATCH_SPOOL_DIR", str(blocked))
    with begin(id="r") as run:
        for step in range(1000):
            run.log({"a": 1}, step=step)
        assert run.flush()
    assert service.steps() == list(range(1000))
    assert run.losses == {"disk_error": 1}


def test_the_spool_never_grows_beyond_its_cap(
    begin: Begin, service: FakeService, spool: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GADWATCH_SPOOL_MB", "0.01")
    service.mode = 503
    run = begin(id="r")
    for step in range(1000):
        run.log({"a": 1}, step=step)
    run.finish()
    kept = 1000 - run.losses["spool_full"]
    assert 0 < kept < 1000
    assert sum(f.stat().st_size for f in spool.rglob("steps.jsonl")) < 0.01 * 2**20 + 1000
    service.mode = "ok"
    gadwatch_hooks.sync(url=service.url)
    assert service.steps() == list(range(kept))
    assert service.statuses() == ["finished"]
    assert service.bodies("/steps")[-1]["losses"] == {"spool_full": 1000 - kept}


def test_sync_says_when_there_is_nothing_to_look_at(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="there is no folder"):
        gadwatch_hooks.sync(tmp_path / "nowhere")


def test_sync_keeps_what_it_cannot_send(begin: Begin, service: FakeService) -> None:
    service.mode = 503
    run = begin(id="r")
    run.log({"a": 1}, step=1)
    run.finish()
    [result] = gadwatch_hooks.sync(url=service.url)
    assert not result.complete
    assert result.trouble is not None
    assert "503" in result.trouble
    service.mode = "ok"
    assert [r.complete for r in gadwatch_hooks.sync(url=service.url)] == [True]
