"""One batch of steps: stored, judged and answered in one transaction."""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from gadwatch_service import metrics
from gadwatch_service.history import repository as history
from gadwatch_service.history.reading import read_steps
from gadwatch_service.history.steps import StoredStep, overlay, same
from gadwatch_service.ingest import repository
from gadwatch_service.ingest.columns import Columns
from gadwatch_service.ingest.parse import Push
from gadwatch_service.ingest.reply import PushReply, Readiness
from gadwatch_service.judging import repository as judging
from gadwatch_service.judging.attempts import place
from gadwatch_service.judging.keeper import Hold, Keeper
from gadwatch_service.judging.run import Attempt, JudgedRun
from gadwatch_service.judging.summary import WATCHED, as_step, note_latest, note_sparkline
from gadwatch_service.settings import Settings

SEAL_AT: Final = 256
"""So many steps in the tail make a block."""

_SLICE: Final = 256
"""Steps judged before other requests get their turn."""

_SHOWN_CONFLICTS: Final = 20
_FIRST_LOOK: Final = timedelta(minutes=10)
"""When to look for the first time whether a run has gone silent."""


@dataclass(slots=True)
class Sorted:
    """A batch held against what is stored: new rows, rows to replace, and what to judge."""

    fresh: list[StoredStep] = field(default_factory=list)
    changed: list[StoredStep] = field(default_factory=list)
    opened: StoredStep | None = None
    """What is new for the newest step."""
    duplicate: int = 0
    late: int = 0
    new_late: int = 0
    """Late steps that were not known at all."""
    added_rows: int = 0
    points: int = 0
    conflicts: list[tuple[int, str]] = field(default_factory=list)
    replay: bool = False


class Ingest:
    """Takes in batches of steps."""

    def __init__(self, keeper: Keeper, settings: Settings) -> None:
        self._keeper = keeper
        self._settings = settings

    async def push(
        self, run_id: str, push: Push, sees: Callable[[str], bool] = lambda _: True
    ) -> PushReply:
        """Store and judge a checked batch; what is refused is refused whole.

        1. Take the run's row lock and find the attempt that the steps belong to.
        2. Lay the values out by the run's metric catalogue.
        3. Hold steps that are not new against what is stored: equal values are duplicates,
           others win and ask for a replay.
        4. Write, fold the new steps of the newest attempt through the rules, commit.
        """
        begun = time.perf_counter()
        async with self._keeper.hold(run_id, sees) as hold:
            run, row = hold.run, hold.run.row
            first = min((one.step for one in push.steps), default=0)
            attempt = await place(hold, push.session, first) if push.steps else None
            columns = Columns(run, self._settings)
            rows = columns.rows(push.steps, hold.now.timestamp())
            if columns.new_names or columns.new_percent:
                await repository.save_names(hold.driver, run)
            batch = Sorted()
            if attempt is not None:
                batch = await self._sort(hold, attempt, rows)
                await self._store(hold, attempt, batch)
            if attempt is not None and attempt.attempt == row.attempt:
                await self._judge(hold, batch)
            _note(hold, push)
            reply = _reply(hold, attempt, batch, columns)
        # The verdict is known only once the hold has ended.
        reply.health, reply.verdict, reply.stage = row.health, _readiness(run), row.stage
        metrics.ingest_seconds.observe(time.perf_counter() - begun)
        _count(reply, batch)
        return reply

    async def _sort(self, hold: Hold, attempt: Attempt, rows: Sequence[StoredStep]) -> Sorted:
        run, row = hold.run, hold.run.row
        newest = attempt.attempt == row.attempt
        last = row.last_step if newest else attempt.last_step
        batch = Sorted()
        if last is None:
            batch.fresh = list(rows)
        else:
            batch.fresh = [one for one in rows if one.step > last]
        old = rows[: len(rows) - len(batch.fresh)]
        if old:
            await self._compare(hold, attempt, batch, old)
            batch.replay = batch.replay and newest
            for one in batch.changed:
                if newest and one.step == row.last_step:
                    batch.opened = one
                else:
                    batch.late += 1
                    batch.replay = batch.replay or (newest and _is_watched(run, one))
        batch.points += sum(len(one.values) - one.values.count(None) for one in batch.fresh)
        return batch

    async def _compare(
        self, hold: Hold, attempt: Attempt, batch: Sorted, old: Sequence[StoredStep]
    ) -> None:
        """Sort old steps into duplicates and changed ones; the latter keep only what is new."""
        run = hold.run
        span = (old[0].step, old[-1].step)
        stored = await read_steps(hold.driver, run.run_id, attempt.attempt, *span)
        for one in old:
            known = stored.get(one.step)
            values = known.values if known else []
            changed = False
            for spot, value in enumerate(one.values):
                before = values[spot] if spot < len(values) else None
                if value is None or same(value, before):
                    one.values[spot] = None
                    continue
                changed = True
                batch.points += 1
                if before is not None:
                    batch.conflicts.append((one.step, run.metrics[spot]))
                    batch.replay = batch.replay or run.metrics[spot] in WATCHED
            if changed or known is None:
                if known is None:
                    batch.new_late += 1
                else:
                    one.time = known.time
                batch.changed.append(one)
            else:
                batch.duplicate += 1

    async def _store(self, hold: Hold, attempt: Attempt, batch: Sorted) -> None:
        run, row = hold.run, hold.run.row
        if batch.changed:
            span = (batch.changed[0].step, batch.changed[-1].step)
            tail = await history.read_tail(hold.driver, run.run_id, attempt.attempt, *span)
            in_tail = {one.step: one for one in tail}
            merged = [
                StoredStep(one.step, below.time, overlay(below.values, one.values))
                if (below := in_tail.get(one.step))
                else one
                for one in batch.changed
            ]
            await history.put_in_tail(hold.driver, run.run_id, attempt.attempt, merged)
            batch.added_rows += sum(one.step not in in_tail for one in batch.changed)
        await history.add_to_tail(hold.driver, run.run_id, attempt.attempt, batch.fresh)
        batch.added_rows += len(batch.fresh)
        row.tail_rows += batch.added_rows
        row.seal_wanted = row.seal_wanted or row.tail_rows >= SEAL_AT
        if batch.replay:
            row.ask_replay()
        touched = [one.step for one in (*batch.changed, *batch.fresh)]
        if touched:
            await self._stretch(hold, attempt, min(touched), max(touched))

    async def _stretch(self, hold: Hold, attempt: Attempt, first: int, last: int) -> None:
        """Widen what the attempt covers. The newest attempt's end is in the state row."""
        row = hold.run.row
        newest = attempt.attempt == row.attempt
        begins = attempt.first_step is None or first < attempt.first_step
        ends = not newest and (attempt.last_step is None or last > attempt.last_step)
        if begins:
            attempt.first_step = first
        if ends:
            attempt.last_step = last
        if begins or ends:
            await judging.save_attempt(hold.driver, hold.run.run_id, attempt)
        if newest:
            row.first_step = attempt.first_step
            row.last_step = last if row.last_step is None else max(row.last_step, last)

    async def _judge(self, hold: Hold, batch: Sorted) -> None:
        run, row = hold.run, hold.run.row
        if not batch.fresh and batch.opened is None:
            return
        before = row.steps
        row.steps += len(batch.fresh) + batch.new_late
        names = run.metrics
        rows = [batch.opened, *batch.fresh] if batch.opened else batch.fresh
        begun = time.perf_counter()
        steps = [as_step(names, one) for one in rows]
        for start in range(0, len(steps), _SLICE):
            if start:
                await asyncio.sleep(0)
            hold.report(run.engine.advance(run.state, steps[start : start + _SLICE]))
        metrics.rules_seconds.observe(time.perf_counter() - begun)
        note_latest(run, rows[-1:] if batch.fresh else rows)
        note_sparkline(run, before, batch.fresh)


def _note(hold: Hold, push: Push) -> None:
    """Keep what a push says beside its steps."""
    run, row, now = hold.run, hold.run.row, hold.now
    row.last_seen_at = now
    row.started_at = row.started_at or now
    if row.status == "stalled":
        row.status = "running"
    if push.expect_next is not None:
        row.promised_until = now + timedelta(seconds=push.expect_next)
        run.engine.promise(run.state, row.promised_until.timestamp())
        hold.judged = True
    if row.status == "running" and row.stall_due_at is None:
        row.stall_due_at = now + _FIRST_LOOK
    for reason, count in push.losses.items():
        known = row.losses.get(reason, 0)
        if count > known:
            metrics.lost_steps.labels(reason).inc(count - known)
            row.losses = {**row.losses, reason: count}


def _is_watched(run: JudgedRun, one: StoredStep) -> bool:
    return any(
        value is not None and name in WATCHED
        for name, value in zip(run.metrics, one.values, strict=False)
    )


def _readiness(run: JudgedRun) -> Readiness:
    row = run.row
    return Readiness(row.verdict, row.verdict_since, row.first_ready_step)


def _reply(hold: Hold, attempt: Attempt | None, batch: Sorted, columns: Columns) -> PushReply:
    run, row = hold.run, hold.run.row
    return PushReply(
        accepted=len(batch.fresh) + len(batch.changed),
        duplicate=batch.duplicate,
        late=batch.late,
        rejected=columns.rejected.total(),
        reasons=dict(columns.rejected),
        run=run.run_id,
        attempt=attempt.attempt if attempt else row.attempt,
        health=row.health,
        verdict=_readiness(run),
        stage=row.stage,
        last_step=row.last_step,
        conflicts=batch.conflicts[:_SHOWN_CONFLICTS],
    )


def _count(reply: PushReply, batch: Sorted) -> None:
    metrics.ingest_steps.labels("accepted").inc(reply.accepted)
    metrics.ingest_steps.labels("duplicate").inc(reply.duplicate)
    metrics.ingest_steps.labels("late").inc(reply.late)
    metrics.ingest_steps.labels("rejected").inc(reply.rejected)
    metrics.ingest_points.inc(batch.points)
