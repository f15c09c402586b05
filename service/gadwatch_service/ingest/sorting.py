"""A batch held against what is stored: what is new, what repeats, what comes late."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from gadwatch_service.history import repository as history
from gadwatch_service.history.reading import read_steps
from gadwatch_service.history.steps import StoredStep, overlay, same
from gadwatch_service.judging.hold import Hold
from gadwatch_service.judging.run import WATCHED, Attempt, JudgedRun


@dataclass(slots=True)
class Batch:
    """What is to be done with the steps of one push.

    ``fresh`` lie behind all that the attempt has; ``changed`` bring something new for older
    steps, and hold only that. ``opened`` is the one of ``changed`` that is the newest step.
    """

    fresh: list[StoredStep] = field(default_factory=list)
    changed: list[StoredStep] = field(default_factory=list)
    opened: StoredStep | None = None
    duplicate: int = 0
    late: int = 0
    unknown: int = 0
    """How many of ``changed`` were not stored at all before."""
    points: int = 0
    """Values that are new."""
    conflicts: list[tuple[int, str]] = field(default_factory=list)
    replay: bool = False
    """Whether the state has to be derived anew: a judged value came late or was replaced."""


def count_values(rows: Sequence[StoredStep]) -> int:
    """How many values the rows hold."""
    return sum(len(row.values) - row.values.count(None) for row in rows)


async def sort_rows(hold: Hold, attempt: Attempt, rows: Sequence[StoredStep]) -> Batch:
    """Hold rows (in order, each step once) against what the attempt has."""
    row = hold.run.row
    newest = attempt.attempt == row.attempt
    last = row.last_step if newest else attempt.last_step
    batch = Batch(fresh=[one for one in rows if last is None or one.step > last])
    batch.points = count_values(batch.fresh)
    old = rows[: len(rows) - len(batch.fresh)]
    if old:
        await _compare(hold, attempt, batch, old)
    for one in batch.changed:
        if newest and one.step == row.last_step:
            batch.opened = one
        else:
            batch.late += 1
            batch.replay = batch.replay or _is_judged(hold.run, one)
    batch.replay = batch.replay and newest
    return batch


async def _compare(hold: Hold, attempt: Attempt, batch: Batch, old: Sequence[StoredStep]) -> None:
    """Sort old steps into duplicates and changed ones; of the latter keep what is new."""
    run = hold.run
    stored = await read_steps(hold.driver, run.run_id, attempt.attempt, old[0].step, old[-1].step)
    for one in old:
        known = stored.get(one.step)
        if known is None:
            batch.unknown += 1
            batch.points += count_values([one])
        elif _drop_known(run, one, known, batch):
            one.time = known.time
        else:
            batch.duplicate += 1
            continue
        batch.changed.append(one)


def _drop_known(run: JudgedRun, one: StoredStep, known: StoredStep, batch: Batch) -> bool:
    """Take out of ``one`` what ``known`` has already; whether anything is left."""
    left = False
    for place, value in enumerate(one.values):
        before = known.values[place] if place < len(known.values) else None
        if value is None or same(value, before):
            one.values[place] = None
            continue
        left = True
        batch.points += 1
        if before is not None:
            batch.conflicts.append((one.step, run.metrics[place]))
            batch.replay = batch.replay or run.metrics[place] in WATCHED
    return left


def _is_judged(run: JudgedRun, one: StoredStep) -> bool:
    return any(
        place < len(one.values) and one.values[place] is not None for _, place in run.watched
    )


async def store_changed(hold: Hold, attempt: Attempt, batch: Batch) -> int:
    """Lay the changed steps over the tail's rows; how many rows the tail has more."""
    if not batch.changed:
        return 0
    run_id, driver = hold.run.run_id, hold.driver
    span = (batch.changed[0].step, batch.changed[-1].step)
    tail = await history.read_tail(driver, run_id, attempt.attempt, *span)
    below = {one.step: one for one in tail}
    merged = [
        StoredStep(one.step, below[one.step].time, overlay(below[one.step].values, one.values))
        if one.step in below
        else one
        for one in batch.changed
    ]
    await history.put_in_tail(driver, run_id, attempt.attempt, merged)
    return sum(one.step not in below for one in batch.changed)
