"""A run's life as server-sent events."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Final

import psycopg
from fastapi.sse import ServerSentEvent
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from gadwatch_service.errors import NotFound, Unavailable
from gadwatch_service.judging.loading import unknown_run
from gadwatch_service.runs.records import finding_out, verdict_out
from gadwatch_service.runs.repository import read_run
from gadwatch_service.runs.schemas import RunOut
from gadwatch_service.runs.service import get_run
from gadwatch_service.store.database import Database
from gadwatch_service.store.tables import Finding, VerdictRecord
from gadwatch_service.stream import repository
from gadwatch_service.stream.watcher import Watcher

LEAST_SECONDS: Final = 0.5
"""Between two sets of events: a page is meant for eyes."""

_PATIENCE: Final = 20.0
_AWAY: Final = (Unavailable, psycopg.OperationalError, OperationalError, PoolTimeoutError)
"""The database cannot be reached or is overloaded: a listener waits for it."""


class Position:
    """How far a listener has heard; its text is the ``id`` of an event."""

    def __init__(self, version: int, changed_at: datetime, attempt: int, number: int) -> None:
        self.version = version
        self.changed_at = changed_at
        self.attempt = attempt
        self.number = number

    def __str__(self) -> str:
        moment = round(self.changed_at.timestamp() * 1_000_000)
        return f"{self.version}-{moment}-{self.attempt}-{self.number}"

    @classmethod
    def parse(cls, text: str) -> "Position | None":
        """From the id of the last event heard; None when it is not one of ours."""
        parts = text.split("-")
        if len(parts) != 4 or not all(part.isdecimal() and len(part) < 19 for part in parts):
            return None
        version, moment, attempt, number = map(int, parts)
        try:
            changed_at = datetime.fromtimestamp(moment / 1_000_000, UTC)
        except (ValueError, OverflowError, OSError):
            return None
        return cls(-1 if version < 0 else version, changed_at, attempt, number)


async def listen(
    database: Database, watcher: Watcher, run_id: str, heard: Position | None, lang: str
) -> AsyncIterator[ServerSentEvent]:
    """Events of a run, for ever: ``step`` at once and at every change, ``finding``, ``verdict``.

    ``heard`` is where the listener was interrupted: what it missed comes first.
    """
    position = heard
    woken = False  # part of the key: what was found before a change is not the news of it
    while not watcher.closed:
        try:
            if position is None:
                position = await _now(database, run_id)
            news = await watcher.shared.get(
                (run_id, lang, str(position), woken),
                partial(_look, database, run_id, position, lang),
            )
        except NotFound:
            yield ServerSentEvent(event="deleted", data={"run": run_id})
            return
        except _AWAY:
            yield ServerSentEvent(comment="the database is away")
            await asyncio.sleep(LEAST_SECONDS)
            continue
        position = news.position
        for event in news.events:
            yield event
        await asyncio.sleep(LEAST_SECONDS)
        while not watcher.closed and not await watcher.wait(run_id, position.version, _PATIENCE):
            yield ServerSentEvent(comment="still here")
        woken = True


@dataclass(frozen=True)
class _News:
    """What came after a position, and the position behind it; the same for all who heard as far."""

    events: list[ServerSentEvent]
    position: Position


async def _look(database: Database, run_id: str, heard: Position, lang: str) -> _News:
    findings: Sequence[Finding] = ()
    verdicts: Sequence[VerdictRecord] = ()
    # Most changes are steps alone: these cost two statements, each a transaction of its own.
    async with database.drivers.connection() as driver:
        run = await read_run(driver, run_id)
        if run is None:
            raise unknown_run(run_id)
        news = await repository.has_news(
            driver, run_id, heard.changed_at, heard.attempt, heard.number
        )
    if news:
        async with database.session() as session:
            findings = await repository.findings_since(session, run_id, heard.changed_at)
            verdicts = await repository.verdicts_since(session, run_id, heard.attempt, heard.number)
    position = Position(run.version, heard.changed_at, heard.attempt, heard.number)
    events = []
    for finding in findings:
        position.changed_at = finding.changed_at
        events.append(
            ServerSentEvent(event="finding", data=finding_out(finding, lang), id=str(position))
        )
    for verdict in verdicts:
        position.attempt, position.number = verdict.attempt, verdict.number
        events.append(ServerSentEvent(event="verdict", data=verdict_out(verdict), id=str(position)))
    facts = RunOut.model_validate(run).model_dump_json()
    events.append(ServerSentEvent(event="step", raw_data=facts, id=str(position)))
    return _News(events, position)


async def _now(database: Database, run_id: str) -> Position:
    """The position of somebody who wants to hear only what comes from now on."""
    async with database.session() as session:
        version = (await get_run(session, run_id)).version
        newest = await repository.newest_change(session, run_id)
        attempt, number = await repository.newest_verdict(session, run_id)
    return Position(version, newest, attempt, number)
