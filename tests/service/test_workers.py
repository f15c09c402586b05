"""How background work ends."""

import asyncio

import pytest

from gadwatch_service import workers
from gadwatch_service.heartbeat import Heartbeats
from gadwatch_service.workers import Worker, Workers

pytestmark = pytest.mark.anyio


async def test_a_round_that_is_under_way_may_end() -> None:
    begun, may_end, ended = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def work() -> bool:
        begun.set()
        await may_end.wait()
        ended.set()
        return False

    running = Workers(Heartbeats())
    running.start(Worker("slow", work, 0.0))
    await begun.wait()
    stopping = asyncio.create_task(running.stop())
    await asyncio.sleep(0)
    may_end.set()
    await stopping
    assert ended.is_set()


async def test_a_round_that_turns_its_cancellation_into_another_error_still_ends(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(workers, "GRACE_SECONDS", 0.0)
    begun = asyncio.Event()

    async def work() -> bool:
        begun.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            raise ConnectionError("another command is already in progress") from None
        return False

    running = Workers(Heartbeats())
    running.start(Worker("stubborn", work, 0.0))
    await begun.wait()
    async with asyncio.timeout(10):
        await running.stop()
    assert "a round of stubborn failed" in caplog.text


async def test_a_round_that_fails_again_and_again_is_explained_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    rounds, enough = 0, asyncio.Event()

    async def work() -> bool:
        nonlocal rounds
        rounds += 1
        if rounds == 6:
            enough.set()
        if rounds == 4:
            return False
        raise ConnectionError("the database is away")

    running = Workers(Heartbeats())
    running.start(Worker("poor", work, 0.0))
    await enough.wait()
    await running.stop()
    told = [(record.message, record.exc_info is not None) for record in caplog.records[:5]]
    once, again = "a round of poor failed", "a round of poor failed again: the database is away"
    assert told == [(once, True), (again, False), (again, False), (once, True), (again, False)]
