"""One writer a run at a time: its engine state at hand, and what follows from a change."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Final
from weakref import WeakValueDictionary

from psycopg import AsyncConnection as DriverConnection
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession

from gadwatch_rules.assessment import Assessment
from gadwatch_service import metrics
from gadwatch_service.clock import Clock
from gadwatch_service.history import repository as history
from gadwatch_service.judging import repository
from gadwatch_service.judging.hold import Draft, Hold, Listener, Transition
from gadwatch_service.judging.kept import KeptRuns
from gadwatch_service.judging.loading import load_run, unknown_run
from gadwatch_service.judging.run import JudgedRun
from gadwatch_service.store.database import Database, driver_connection

Sees = Callable[[str], bool]
"""Whether the runs of a project exist for whoever asks."""

UNSAVED_STEPS: Final = 64
"""So many single steps may be folded before the engine state is stored again."""


def everything(_project: str) -> bool:
    """Sees every project."""
    return True


class StaleError(Exception):
    """Somebody else has changed the run since its state was read: do it again under its lock."""


class Keeper:
    """Hands out runs for writing and writes down what came of it.

    A run is kept with the version of its row; every change of the row raises the version. So one
    look at the version says whether what is kept here is still the newest.
    """

    def __init__(self, database: Database, now: Clock, listeners: Sequence[Listener] = ()) -> None:
        self._database = database
        self._now = now
        self._listeners = tuple(listeners)
        self._kept = KeptRuns()
        self._queues: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self.committed: list[Callable[[str, int], None]] = []
        """Told of each run's new version once it stands."""

    @asynccontextmanager
    async def hold(self, run_id: str, sees: Sees = everything) -> AsyncIterator[Hold]:
        """The run under its row lock; committed at the end, undone by an error.

        1. Writers of one run in this process queue before they take a connection.
        2. The row lock orders them among processes.
        3. What was changed and reported is written, listeners add theirs, all commits together.

        Raises NotFound.
        """
        async with (
            self._queue(run_id),
            self._database.connection() as connection,
            connection.begin(),
        ):
            driver = await driver_connection(connection)
            hold = Hold(connection, driver, await self._fetch(driver, run_id), self._now())
            if not sees(hold.run.project):
                raise unknown_run(run_id)
            yield hold
            assessment = _close(hold)
            await self._write(connection, driver, hold, assessment)
        self._keep(hold.run)

    @asynccontextmanager
    async def glance(self, run_id: str, sees: Sees = everything) -> AsyncIterator[Draft | None]:
        """The run as this process knows it, without a lock; None when it does not know it.

        For the usual case, that this process alone writes the run: nothing is asked of the
        database before the end, and a single step costs one statement. What was changed is
        written on condition that the version is still the one that was seen.

        Leave the draft untouched to do nothing. Raises StaleError, with nothing written.
        """
        async with self._queue(run_id):
            run = self._kept.take(run_id)
            if run is None or not sees(run.project):
                if run is not None:
                    self._kept.put(run)
                yield None
                return
            draft = Draft(run, self._now())
            yield draft
            if draft.fresh:
                await self._write_on_condition(draft)
        self._keep(run)

    def _queue(self, run_id: str) -> asyncio.Lock:
        return self._queues.setdefault(run_id, asyncio.Lock())

    async def _fetch(self, driver: DriverConnection, run_id: str) -> JudgedRun:
        # Taken out while it is worked on: after an error nobody finds a half-changed state.
        run = self._kept.take(run_id)
        version = await repository.lock(driver, run_id)
        if run is not None and run.row.version == version:
            return run
        return await load_run(driver, run_id)

    def _keep(self, run: JudgedRun) -> None:
        self._kept.put(run)
        for told in self.committed:
            told(run.run_id, run.row.version)

    async def _write_on_condition(self, draft: Draft) -> None:
        assessment = _close(draft)
        if draft.has_news:
            async with self._database.connection() as connection, connection.begin():
                driver = await driver_connection(connection)
                await self._write(connection, driver, draft, assessment)
            return
        run = draft.run
        async with self._database.drivers.connection() as driver:
            if len(draft.fresh) == 1:
                if not await repository.save_with_step(driver, run, draft.seen, draft.fresh[0]):
                    raise StaleError
                return
            async with driver.transaction():
                await self._save(driver, draft)

    async def _write(
        self,
        connection: AsyncConnection,
        driver: DriverConnection,
        draft: Draft,
        assessment: Assessment | None,
    ) -> None:
        await self._save(driver, draft)
        if assessment is not None and draft.has_news:
            await self._tell(connection, driver, draft, assessment)

    async def _save(self, driver: DriverConnection, draft: Draft) -> None:
        run = draft.run
        if not await repository.save(driver, run, draft.seen):
            raise StaleError
        await history.add_to_tail(driver, run.run_id, run.row.attempt, draft.fresh)

    async def _tell(
        self,
        connection: AsyncConnection,
        driver: DriverConnection,
        draft: Draft,
        assessment: Assessment,
    ) -> None:
        """Write findings and verdicts, and let listeners write what follows from them."""
        run, changes, now = draft.run, draft.changes, draft.now
        attempt = run.row.attempt
        await repository.save_findings(driver, run.run_id, attempt, changes.findings, now)
        await repository.add_verdicts(driver, run.run_id, attempt, changes.verdicts, now)
        for finding in changes.findings:
            metrics.finding_changes.labels(finding.rule, finding.severity, finding.state).inc()
        for verdict in changes.verdicts:
            metrics.verdict_changes.labels(verdict.verdict).inc()
        changes.findings[:0] = draft.ended
        transition = Transition(run, changes, assessment, draft.status_before, now)
        async with (
            AsyncSession(
                connection, expire_on_commit=False, join_transaction_mode="create_savepoint"
            ) as session,
            session.begin(),
        ):
            for listener in self._listeners:
                await listener(session, transition)


def _close(draft: Draft) -> Assessment | None:
    """Bring the state row up to date; the run's assessment when there is something new."""
    run, row = draft.run, draft.run.row
    row.version += 1
    run.unsaved += len(draft.fresh)
    news = draft.has_news
    if draft.judged or news or run.unsaved >= UNSAVED_STEPS or row.engine_state is None:
        row.engine_state = run.engine.dump(run.state)
        row.state_step = row.last_step
        run.unsaved = 0
    if not (news or draft.judged or row.health == "unknown"):
        return None
    assessment = run.engine.assess(run.state, run.run_id)
    summarise(run, assessment)
    return assessment


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
