import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest
from tests.service.pushing import healthy_steps, new_run, push, step

from gadwatch_service.errors import Unavailable
from gadwatch_service.runs.service import get_run
from gadwatch_service.stream.events import Position, listen

pytestmark = pytest.mark.anyio


@pytest.fixture
async def app(client: httpx2.AsyncClient) -> Any:
    return client.app  # type: ignore[attr-defined]


async def take(events: AsyncIterator[Any], wanted: str) -> Any:
    """The next event of the wanted kind."""
    async with asyncio.timeout(10):
        async for event in events:
            if event.event == wanted:
                return event
    raise AssertionError(f"no {wanted} event came")


def refused() -> Any:
    raise Unavailable("Too many requests are waiting for the database.")


def last_step(event: Any) -> Any:
    return json.loads(event.raw_data)["last_step"]


async def test_a_listener_hears_steps_findings_and_verdicts(
    client: httpx2.AsyncClient, app: Any
) -> None:
    run = await new_run(client)
    events = listen(app.state.database, app.state.watcher, run, None, "en")
    assert last_step(await take(events, "step")) is None
    await push(client, run, healthy_steps(1, 60))
    verdict = await take(events, "verdict")
    assert verdict.data["verdict"] == "ready"
    assert last_step(await take(events, "step")) == 60
    await push(client, run, [step(61, critic__d_acc="NaN")])
    finding = await take(events, "finding")
    assert (finding.data["rule"], finding.data["severity"]) == ("finite", "critical")


async def test_a_listener_that_comes_back_hears_what_it_missed(
    client: httpx2.AsyncClient, app: Any
) -> None:
    run = await new_run(client)
    state = app.state
    first = await take(listen(state.database, state.watcher, run, None, "en"), "step")
    await push(client, run, [*healthy_steps(1, 3), step(4, critic__d_acc="NaN")])
    heard = Position.parse(first.id)
    assert heard is not None
    finding = await take(listen(state.database, state.watcher, run, heard, "en"), "finding")
    assert finding.data["first_step"] == 4


async def test_a_listener_outlasts_an_absence_of_the_database(
    client: httpx2.AsyncClient, app: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = await new_run(client)
    database = app.state.database
    events = listen(database, app.state.watcher, run, None, "en")
    await take(events, "step")
    await push(client, run, healthy_steps(1, 3))
    with monkeypatch.context() as absence:
        absence.setattr(database.drivers, "connection", refused)
        async with asyncio.timeout(10):
            assert (await anext(events)).comment == "the database is away"
    assert last_step(await take(events, "step")) == 3


async def test_changes_of_another_process_are_found_by_polling(
    client: httpx2.AsyncClient, app: Any
) -> None:
    run = await new_run(client)
    watcher = app.state.watcher
    waiting = asyncio.create_task(watcher.wait(run, 0, 10))
    await asyncio.sleep(0)
    app.state.keeper.committed.clear()
    await push(client, run, healthy_steps(1, 1))
    await watcher.poll()
    assert await waiting


async def test_a_run_to_which_nothing_happens_wakes_nobody(
    client: httpx2.AsyncClient, app: Any
) -> None:
    run = await new_run(client)
    await push(client, run, healthy_steps(1, 3))
    watcher = app.state.watcher
    async with app.state.database.session() as session:
        version = (await get_run(session, run)).version
    up_to_date = asyncio.create_task(watcher.wait(run, version, 10))
    behind = asyncio.create_task(watcher.wait(run, version - 1, 10))
    await asyncio.sleep(0)
    await watcher.poll()
    assert await behind
    await watcher.poll()
    assert not up_to_date.done()
    await push(client, run, healthy_steps(4, 4))
    assert await up_to_date


async def test_a_held_back_answer_comes_when_the_run_is_ready(
    client: httpx2.AsyncClient,
) -> None:
    run = await new_run(client)
    asking = asyncio.create_task(client.get(f"/api/v1/runs/{run}/readiness?wait=30", timeout=40))
    await push(client, run, healthy_steps(1, 10))
    await push(client, run, healthy_steps(11, 80))
    async with asyncio.timeout(10):
        reply = await asking
    assert reply.json()["ready"] is True


async def test_a_held_back_answer_comes_when_the_run_is_over(client: httpx2.AsyncClient) -> None:
    run = await new_run(client)
    asking = asyncio.create_task(client.get(f"/api/v1/runs/{run}/readiness?wait=30", timeout=40))
    await client.post(f"/api/v1/runs/{run}/finish", json={"status": "failed"})
    async with asyncio.timeout(10):
        body = (await asking).json()
    assert (body["ready"], body["status"]) == (False, "failed")


async def test_events_are_sent_as_a_stream(client: httpx2.AsyncClient, app: Any) -> None:
    run = await new_run(client)
    app.state.watcher.closed = True  # the stream ends at once
    reply = await client.get(f"/api/v1/runs/{run}/events")
    assert reply.headers["content-type"].startswith("text/event-stream")
    assert reply.text == ""
    app.state.watcher.closed = False
    asking = asyncio.create_task(client.get(f"/api/v1/runs/{run}/events"))
    await asyncio.sleep(0.1)
    app.state.watcher.close()
    lines = (await asking).text.splitlines()
    assert lines[0] == "event: step"
    assert json.loads(lines[1].removeprefix("data: "))["id"] == run
