"""Derives a run's state anew from its stored steps, when late steps or thresholds ask for it.

Invariant: afterwards the run stands where it would if its steps had come once, in order.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from psycopg import AsyncConnection

from gadwatch_rules.findings import Changes, FindingChange
from gadwatch_service import metrics
from gadwatch_service.errors import NotFound
from gadwatch_service.history.reading import iterate_steps
from gadwatch_service.history.steps import StoredStep
from gadwatch_service.judging import repository as judging
from gadwatch_service.judging.hold import Hold
from gadwatch_service.judging.keeper import Keeper
from gadwatch_service.judging.loading import load_run
from gadwatch_service.judging.run import JudgedRun
from gadwatch_service.judging.steps import StoredSteps
from gadwatch_service.judging.summary import note_latest, note_sparkline
from gadwatch_service.store.database import Database, driver_connection
from gadwatch_service.upkeep.repository import list_to_replay

_RUNS: Final = 20
_REST: Final = 10
_SLICE: Final = 64
"""Steps judged before requests get their turn."""

_ENDED: Final = frozenset({"finished", "failed", "killed"})


class Replayer:
    """Replays the runs that ask for it, a run that asks again and again not all the time."""

    def __init__(
        self,
        database: Database,
        keeper: Keeper,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database = database
        self._keeper = keeper
        self._monotonic = monotonic
        self._resting: dict[str, float] = {}

    async def work(self) -> bool:
        """One round of a worker. Afterwards each run rests for ten times as long as it took."""
        begun = self._monotonic()
        self._resting = {run: until for run, until in self._resting.items() if until > begun}
        for run_id in await self._due():
            start = self._monotonic()
            await replay(self._database, self._keeper, run_id)
            end = self._monotonic()
            self._resting[run_id] = end + _REST * (end - start)
        return False

    async def _due(self) -> list[str]:
        async with self._database.session() as session:
            asking = await list_to_replay(session, _RUNS + len(self._resting))
        return [run_id for run_id in asking if run_id not in self._resting]


async def replay(database: Database, keeper: Keeper, run_id: str) -> bool:
    """Replay one run; False when it changed under our hands and has to be replayed again.

    1. Without a lock: fold all that is stored so far into a fresh state.
    2. Under the run's lock, when nothing was asked for meanwhile: fold what has come since, then
       put the new state in the old one's place and report what differs.
    """
    try:
        async with database.connection() as connection:
            driver = await driver_connection(connection)
            run = await load_run(driver, run_id)
            again = Replay(run)
            await again.fold(driver)
        async with keeper.hold(run_id) as hold:
            if not again.still_holds(hold.run):
                return False
            await again.fold(hold.driver)
            await again.put_in_place(hold)
    except NotFound:
        return False
    metrics.replays.inc()
    return True


@dataclass(slots=True)
class _Turn:
    """A change of stage behind a step."""

    step: int
    stage: str


class Replay:
    """A fresh state of the run's newest attempt, and how far it has come."""

    def __init__(self, run: JudgedRun) -> None:
        self.asked = run.row.replays_asked
        self.run = replace(run, row=replace(run.row, latest={}, sparkline=[], steps=0))
        self.run.state = run.engine.new_state()
        self.attempt = run.attempts[run.row.attempt]
        self.changes = Changes()
        self._next = 0
        self._turns = [_Turn(change["step"], change["stage"]) for change in self.attempt.stages[1:]]

    def still_holds(self, now: JudgedRun) -> bool:
        """Whether nothing has happened that this replay has not seen."""
        return (
            now.row.replays_asked == self.asked
            and now.row.attempt == self.attempt.attempt
            and now.attempts[now.row.attempt].stages == self.attempt.stages
            and now.engine is self.run.engine
        )

    async def fold(self, driver: AsyncConnection) -> None:
        """Fold every stored step that was not folded yet."""
        run_id, attempt = self.run.run_id, self.attempt.attempt
        async for portion in iterate_steps(driver, run_id, attempt, self._next):
            for start in range(0, len(portion), _SLICE):
                self._fold(portion[start : start + _SLICE])
                await asyncio.sleep(0)
            self._next = portion[-1].step + 1

    def _fold(self, rows: Sequence[StoredStep]) -> None:
        run = self.run
        rest = list(rows)
        while self._turns and rest and rest[-1].step > self._turns[0].step:
            turn = self._turns.pop(0)
            before = [row for row in rest if row.step <= turn.step]
            self._advance(before)
            rest = rest[len(before) :]
            self._report(run.engine.set_stage(run.state, turn.stage, turn.step + 1))
        self._advance(rest)

    def _advance(self, rows: Sequence[StoredStep]) -> None:
        if not rows:
            return
        run = self.run
        self._report(run.engine.advance(run.state, StoredSteps(run, rows)))
        note_latest(run, rows)
        note_sparkline(run, run.row.steps, rows)
        run.row.steps += len(rows)

    def _report(self, changes: Changes) -> None:
        self.changes.findings += changes.findings
        self.changes.verdicts += changes.verdicts

    async def put_in_place(self, hold: Hold) -> None:
        """Let the held run go on with the fresh state; report what differs from what is stored."""
        run, row = hold.run, hold.run.row
        for turn in self._turns:
            self._report(self.run.engine.set_stage(self.run.state, turn.stage, turn.step + 1))
        if row.status in _ENDED:
            self._report(run.engine.finish(self.run.state, row.status))
        elif row.promised_until is not None:
            run.engine.promise(self.run.state, row.promised_until.timestamp())
        if row.status == "stalled":
            self._report(run.engine.tick(self.run.state, hold.now.timestamp()))
        run.state = self.run.state
        row.steps = self.run.row.steps
        row.latest = self.run.row.latest
        row.sparkline = self.run.row.sparkline
        row.replay_wanted = False
        stored = await judging.find_findings(hold.driver, run.run_id, row.attempt)
        hold.report(Changes(findings=self._different(stored, row.last_step or 0)))
        last = await judging.find_verdict(hold.driver, run.run_id, row.attempt)
        if self.changes.verdicts and self.changes.verdicts[-1].verdict != last:
            hold.report(Changes(verdicts=self.changes.verdicts[-1:]))

    def _different(
        self, stored: dict[tuple[str, str, int], dict[str, Any]], step: int
    ) -> list[FindingChange]:
        """The findings as they now are, where they differ from the stored ones.

        What fires in the store and not any more in the replay has ended.
        """
        newest = {
            (change.rule, change.metric, change.first_step): change
            for change in self.changes.findings
        }
        different = [
            change
            for key, change in newest.items()
            if key not in stored
            or (stored[key]["state"], stored[key]["severity"]) != (change.state, change.severity)
        ]
        gone = [
            FindingChange(**{**facts, "state": "resolved"}, step=step, fired=True)
            for key, facts in stored.items()
            if key not in newest and facts["state"] != "resolved"
        ]
        return gone + different
