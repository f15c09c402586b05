"""One batch of steps: stored, judged and answered in one transaction."""

import asyncio
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Final

from gadwatch_service import metrics
from gadwatch_service.history import repository as history
from gadwatch_service.ingest import repository
from gadwatch_service.ingest.columns import Columns, UnknownMetricError
from gadwatch_service.ingest.losses import count_losses
from gadwatch_service.ingest.parse import Push
from gadwatch_service.ingest.pressure import Pressure
from gadwatch_service.ingest.schemas import PushReply
from gadwatch_service.ingest.sorting import Batch, sort_rows, store_changed
from gadwatch_service.judging import repository as judging
from gadwatch_service.judging.attempts import family, place
from gadwatch_service.judging.hold import Draft, Hold
from gadwatch_service.judging.keeper import Keeper, StaleError, everything
from gadwatch_service.judging.run import Attempt
from gadwatch_service.judging.steps import StoredSteps
from gadwatch_service.judging.summary import note_latest, note_sparkline
from gadwatch_service.settings import Settings

SEAL_AT: Final = 256
"""So many steps in the tail make a block."""

_SLICE: Final = 128
"""Steps judged before other requests get their turn."""

_FIRST_LOOK: Final = timedelta(minutes=10)
"""When to look for the first time whether a run has gone silent."""


class Ingest:
    """Takes in batches of steps."""

    def __init__(self, keeper: Keeper, settings: Settings) -> None:
        self._keeper = keeper
        self._settings = settings
        self.pressure = Pressure()

    async def push(
        self, run_id: str, push: Push, sees: Callable[[str], bool] = everything
    ) -> PushReply:
        """Store and judge a checked batch; what is refused is refused whole.

        A batch that only continues a run which this process writes alone takes the short way;
        every other one is held against what is stored, under the run's row lock. Both end alike.
        """
        begun = time.perf_counter()
        reply = await self._append(run_id, push, sees)
        if reply is None:
            reply = await self._merge(run_id, push, sees)
        metrics.ingest_seconds.observe(time.perf_counter() - begun)
        metrics.ingest_steps.labels("accepted").inc(reply.accepted)
        metrics.ingest_steps.labels("duplicate").inc(reply.duplicate)
        metrics.ingest_steps.labels("late").inc(reply.late)
        metrics.ingest_steps.labels("rejected").inc(reply.rejected)
        return reply

    async def _append(
        self, run_id: str, push: Push, sees: Callable[[str], bool]
    ) -> PushReply | None:
        """The short way: new steps of known metrics; None when it is not open."""
        try:
            async with self._keeper.glance(run_id, sees) as draft:
                if draft is None or not _continues(draft, push):
                    return None
                columns = Columns(draft.run, self._settings, may_grow=False)
                batch = Batch(fresh=columns.rows(push.steps, draft.now.timestamp()))
                batch.points = sum(len(one.metrics) for one in push.steps)
                draft.fresh = batch.fresh
                _lengthen(draft, len(batch.fresh))
                draft.run.row.last_step = batch.fresh[-1].step
                await _judge(draft, batch)
                _note(draft, push)
        except (StaleError, UnknownMetricError):
            return None
        metrics.ingest_points.inc(batch.points)
        return PushReply.of(draft.run, draft.run.row.attempt, batch, columns.rejected)

    async def _merge(self, run_id: str, push: Push, sees: Callable[[str], bool]) -> PushReply:
        """The long way.

        1. Take the run's row lock and find the attempt that the steps belong to.
        2. Lay the values out by the run's metric catalogue.
        3. Hold steps that are not new against what is stored: equal values are duplicates,
           others win and ask for a replay.
        4. Write, fold the new steps of the newest attempt through the rules, commit.
        """
        async with self._keeper.hold(run_id, sees) as hold:
            run, row = hold.run, hold.run.row
            attempt = run.attempts[row.attempt]
            if push.steps:
                attempt = await place(hold, push.session, min(one.step for one in push.steps))
            columns = Columns(run, self._settings)
            rows = columns.rows(push.steps, hold.now.timestamp())
            if columns.new_names or columns.new_percent:
                await repository.save_names(hold.driver, run)
            batch = await sort_rows(hold, attempt, rows)
            await self._store(hold, attempt, batch)
            if attempt.attempt == row.attempt:
                await _judge(hold, batch)
            _note(hold, push)
        metrics.ingest_points.inc(batch.points)
        return PushReply.of(run, attempt.attempt, batch, columns.rejected)

    async def _store(self, hold: Hold, attempt: Attempt, batch: Batch) -> None:
        run, row = hold.run, hold.run.row
        newest = attempt.attempt == row.attempt
        added = await store_changed(hold, attempt, batch)
        if newest:
            hold.fresh = batch.fresh
        else:
            await history.add_to_tail(hold.driver, run.run_id, attempt.attempt, batch.fresh)
        _lengthen(hold, added + len(batch.fresh))
        if batch.replay:
            row.ask_replay()
        touched = [one.step for one in (*batch.changed, *batch.fresh)]
        if not touched:
            return
        if _stretch(attempt, min(touched), max(touched), newest=newest):
            await judging.save_attempt(hold.driver, run.run_id, attempt)
        if newest:
            row.first_step = attempt.first_step
            row.last_step = max(touched) if row.last_step is None else max(row.last_step, *touched)


def _continues(draft: Draft, push: Push) -> bool:
    """Whether every step lies behind the last one of the newest attempt."""
    run, row = draft.run, draft.run.row
    if not push.steps or row.last_step is None:
        return False
    if push.session is not None and family(push.session) not in run.attempts[row.attempt].sessions:
        return False
    return min(one.step for one in push.steps) > row.last_step


def _lengthen(draft: Draft, rows: int) -> None:
    row = draft.run.row
    row.tail_rows += rows
    row.seal_wanted = row.seal_wanted or row.tail_rows >= SEAL_AT


def _stretch(attempt: Attempt, first: int, last: int, *, newest: bool) -> bool:
    """Widen what the attempt covers, and whether it was; the newest's end is in the state row."""
    begins = attempt.first_step is None or first < attempt.first_step
    ends = not newest and (attempt.last_step is None or last > attempt.last_step)
    if begins:
        attempt.first_step = first
    if ends:
        attempt.last_step = last
    return begins or ends


async def _judge(draft: Draft, batch: Batch) -> None:
    """Fold what is new through the rules, in slices, so that others are not kept waiting."""
    run, row = draft.run, draft.run.row
    if not batch.fresh and batch.opened is None:
        row.steps += batch.unknown
        return
    begun = time.perf_counter()
    if batch.opened is not None:
        draft.report(run.engine.advance(run.state, StoredSteps(run, [batch.opened])))
    fresh = StoredSteps(run, batch.fresh)
    for start in range(0, len(fresh), _SLICE):
        if start:
            await asyncio.sleep(0)
        draft.folded(run.engine.advance(run.state, fresh[start : start + _SLICE]))
    metrics.rules_seconds.observe(time.perf_counter() - begun)
    newest = batch.fresh[-1:] or ([batch.opened] if batch.opened else [])
    note_latest(run, newest)
    note_sparkline(run, row.steps, batch.fresh)
    row.steps += len(batch.fresh) + batch.unknown


def _note(draft: Draft, push: Push) -> None:
    """Keep what a push says beside its steps."""
    run, row, now = draft.run, draft.run.row, draft.now
    row.last_seen_at = now
    row.started_at = row.started_at or now
    if row.status == "stalled":
        row.status = "running"
    if push.expect_next is not None:
        row.promised_until = now + timedelta(seconds=push.expect_next)
        run.engine.promise(run.state, row.promised_until.timestamp())
        draft.judged = True
    if row.status == "running" and row.stall_due_at is None:
        row.stall_due_at = now + _FIRST_LOOK
    for reason, more in count_losses(row, push.session, push.losses).items():
        metrics.lost_steps.labels(reason).inc(more)
