"""One writer a run at a time: its row lock, its engine state, and what follows from a change."""

import asyncio
import json
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Final, Protocol
from weakref import WeakValueDictionary

from psycopg import AsyncConnection as DriverConnection
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession

from gadwatch_rules import Engine
from gadwatch_rules.assessment import Assessment
from gadwatch_rules.errors import StateError
from gadwatch_rules.findings import Changes, FindingChange
from gadwatch_rules.pack import Overrides
from gadwatch_service import metrics
from gadwatch_service.clock import Clock
from gadwatch_service.errors import NotFound
from gadwatch_service.judging import repository
from gadwatch_service.judging.run import Attempt, JudgedRun
from gadwatch_service.store.database import Database, driver_connection

_CACHED: Final = 2000
"""Runs whose engine state this process keeps at hand."""


@dataclass(frozen=True, slots=True)
class Transition:
    """What one transaction changed in a run, for those who tell others."""

    run: JudgedRun
    changes: Changes
    assessment: Assessment
    status_before: str
    now: datetime


class Listener(Protocol):
    """Told of a transition inside the transaction that makes it."""

    async def __call__(self, session: AsyncSession, transition: Transition) -> None:
        """Write what follows through ``session``; an error undoes the whole transaction."""


class Hold:
    """A run while its row lock is held. Change ``run`` and report engine changes to it."""

    def __init__(
        self, connection: AsyncConnection, driver: DriverConnection, run: JudgedRun, now: datetime
    ) -> None:
        self.connection = connection
        self.driver = driver
        self.run = run
        self.now = now
        self.status_before = run.row.status
        self.changes = Changes()
        self.ended: list[FindingChange] = []
        """Findings that ended with an attempt: already written, still to be told."""
        self.judged = False
        """Whether the engine state has changed."""
        self.reassess = False
        """Whether to sum the run up anew even if nothing was reported."""

    def report(self, changes: Changes) -> None:
        """Note what the engine changed; it is written when the hold ends."""
        self.judged = True
        self.changes.findings += changes.findings
        self.changes.verdicts += changes.verdicts


class Keeper:
    """Hands out runs for writing and writes down what came of it."""

    def __init__(self, database: Database, now: Clock, listeners: Sequence[Listener] = ()) -> None:
        self._database = database
        self._now = now
        self._listeners = tuple(listeners)
        self._cache: OrderedDict[str, JudgedRun] = OrderedDict()
        self.committed: list[Callable[[str, int], None]] = []
        """Told of each run's new version once it stands."""
        self._queues: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    @asynccontextmanager
    async def hold(
        self, run_id: str, sees: Callable[[str], bool] = lambda _: True
    ) -> AsyncIterator[Hold]:
        """The run under its lock; committed at the end, undone by an error.

        1. Writers of one run in this process queue before they take a connection.
        2. The row lock orders them among processes; the version it reads says whether the
           engine state kept here is still the newest.
        3. What the engine reported is written, listeners add theirs, all commits together.

        ``sees`` says whether the run's project exists for whoever asks. Raises NotFound.
        """
        queue = self._queues.setdefault(run_id, asyncio.Lock())
        async with queue, self._database.connection() as connection, connection.begin():
            driver = await driver_connection(connection)
            repository.prepare(driver)
            run = await self._fetch(driver, run_id)
            if run is None or not sees(run.project):
                raise unknown_run(run_id)
            hold = Hold(connection, driver, run, self._now())
            yield hold
            await self._write(hold)
        self._keep(run)
        for told in self.committed:
            told(run_id, run.row.version)

    async def _fetch(self, driver: DriverConnection, run_id: str) -> JudgedRun | None:
        # Taken out while it is worked on: after an error nobody finds a half-changed state.
        run = self._cache.pop(run_id, None)
        version = await repository.lock(driver, run_id)
        if version is None:
            return None
        if run is not None and run.row.version == version:
            return run
        return await load_run(driver, run_id)

    def _keep(self, run: JudgedRun) -> None:
        self._cache[run.run_id] = run
        if len(self._cache) > _CACHED:
            self._cache.popitem(last=False)

    async def _write(self, hold: Hold) -> None:
        run, row = hold.run, hold.run.row
        row.version += 1
        changed = bool(hold.changes.findings or hold.changes.verdicts or hold.ended)
        if hold.judged:
            row.engine_state = run.engine.dump(run.state)
        ended = row.status != hold.status_before
        if changed or ended or hold.reassess or row.health == "unknown":
            await self._record(hold)
        await repository.save(hold.driver, run.run_id, row)

    async def _record(self, hold: Hold) -> None:
        run, row = hold.run, hold.run.row
        assessment = run.engine.assess(run.state, run.run_id)
        summarise(run, assessment)
        changes = hold.changes
        await repository.save_findings(
            hold.driver, run.run_id, row.attempt, changes.findings, hold.now
        )
        await repository.add_verdicts(
            hold.driver, run.run_id, row.attempt, changes.verdicts, hold.now
        )
        for finding in changes.findings:
            metrics.finding_changes.labels(finding.rule, finding.severity, finding.state).inc()
        for verdict in changes.verdicts:
            metrics.verdict_changes.labels(verdict.verdict).inc()
        changes.findings[:0] = hold.ended
        if changes.findings or changes.verdicts or row.status != hold.status_before:
            transition = Transition(run, changes, assessment, hold.status_before, hold.now)
            async with (
                AsyncSession(
                    hold.connection,
                    expire_on_commit=False,
                    join_transaction_mode="create_savepoint",
                ) as session,
                session.begin(),
            ):
                for listener in self._listeners:
                    await listener(session, transition)


def summarise(run: JudgedRun, assessment: Assessment) -> None:
    """Copy what lists of runs show from the assessment into the state row."""
    row = run.row
    row.stage = assessment.stage
    row.pack = assessment.pack
    row.health = assessment.health
    row.verdict = assessment.verdict
    row.verdict_since = assessment.since_step
    row.first_ready_step = assessment.first_ready_step
    row.open_findings = {}
    for finding in assessment.findings:
        if finding.state == "firing":
            count = row.open_findings.get(finding.severity, 0)
            row.open_findings[finding.severity] = count + 1


async def load_run(driver: DriverConnection, run_id: str) -> JudgedRun:
    """The run as the database has it. A state of another engine version is derived anew."""
    row, found = await repository.load(driver, run_id)
    attempts = await repository.load_attempts(driver, run_id)
    overrides = {**found["project_overrides"]}
    for rule, limits in found["run_overrides"].items():
        overrides[rule] = {**overrides.get(rule, {}), **limits}
    engine = engine_for(attempts[row.attempt], found["warmup_steps"], overrides)
    try:
        state = engine.new_state() if row.engine_state is None else engine.load(row.engine_state)
    except StateError:
        state = engine.new_state()
        row.ask_replay()
    return JudgedRun(
        run_id=run_id,
        project=found["project"],
        name=found["name"],
        warmup_steps=found["warmup_steps"],
        overrides=overrides,
        metrics=found["metrics"],
        percent=set(found["percent"]),
        row=row,
        attempts=attempts,
        engine=engine,
        state=state,
    )


def engine_for(attempt: Attempt, warmup_steps: int | None, overrides: Overrides) -> Engine:
    """The engine that judges an attempt from its beginning."""
    return _engine(attempt.stages[0]["stage"], warmup_steps, json.dumps(overrides, sort_keys=True))


@lru_cache(maxsize=256)
def _engine(stage: str | None, warmup_steps: int | None, overrides: str) -> Engine:
    return Engine.for_run(stage, warmup_steps, json.loads(overrides))


def unknown_run(run_id: str) -> NotFound:
    """The problem for a run that is not there, or not for this token."""
    return NotFound(f"There is no run {run_id!r}: create it with POST /api/v1/runs.", run=run_id)
