"""Turns the tail of a run into blocks, off the request path."""

from bisect import bisect_right
from collections.abc import Sequence
from typing import Final

from psycopg import AsyncConnection

from gadwatch_service import metrics
from gadwatch_service.errors import NotFound
from gadwatch_service.history import repository
from gadwatch_service.history.blocks import BLOCK_STEPS, make_blocks, split
from gadwatch_service.history.reading import merge
from gadwatch_service.history.steps import StoredStep
from gadwatch_service.judging.hold import Hold
from gadwatch_service.judging.keeper import Keeper
from gadwatch_service.store.database import Database
from gadwatch_service.upkeep.repository import list_to_seal

_RUNS: Final = 50
_ROWS: Final = 16 * BLOCK_STEPS
"""Most tail rows that one transaction seals."""

_LAST: Final = 2**62
_RUNNING: Final = frozenset({"running", "stalled"})


async def seal_due(database: Database, keeper: Keeper) -> bool:
    """One round: seal every run whose tail is long enough; says whether there may be more."""
    async with database.session() as session:
        due = await list_to_seal(session, _RUNS)
    for run_id in due:
        try:
            async with keeper.hold(run_id) as hold:
                await seal(hold)
        except NotFound:
            continue  # Deleted since it was listed.
    return bool(due)


async def seal(hold: Hold) -> None:
    """Seal one run under its lock, all in the transaction of the hold.

    1. Of the newest attempt of a running run whole blocks are taken, and never its newest step:
       values may still come for it. Of all others everything is taken.
    2. Steps behind the last block become new blocks.
    3. Late steps join the block that covers them; it is made anew, the tail's values winning.
    4. The rows leave the tail.
    """
    run, row, driver = hold.run, hold.run.row, hold.driver
    for attempt in run.attempts.values():
        growing = attempt.attempt == row.attempt and row.status in _RUNNING
        tail = await repository.read_tail(
            driver, run.run_id, attempt.attempt, 0, _LAST, limit=_ROWS
        )
        if not tail:
            continue
        end = await repository.sealed_to(driver, run.run_id, attempt.attempt)
        late = [one for one in tail if end is not None and one.step <= end]
        fresh = tail[len(late) :]
        if growing:
            if len(tail) < _ROWS:
                fresh = fresh[:-1]
            fresh = fresh[: len(fresh) // BLOCK_STEPS * BLOCK_STEPS]
        for portion in split(fresh) if fresh else []:
            await _add(driver, run.run_id, attempt.attempt, portion)
        if late:
            await _join(driver, run.run_id, attempt.attempt, late)
        steps = [one.step for one in (*late, *fresh)]
        await repository.drop_from_tail(driver, run.run_id, attempt.attempt, steps)
    row.tail_rows = await repository.count_tail(driver, run.run_id)
    row.seal_wanted = row.tail_rows > (BLOCK_STEPS if row.status in _RUNNING else 0)


async def _add(
    driver: AsyncConnection, run_id: str, attempt: int, rows: Sequence[StoredStep]
) -> None:
    blocks = make_blocks(rows)
    await repository.add_blocks(driver, run_id, attempt, blocks)
    metrics.sealed_blocks.inc(len(blocks))


async def _join(
    driver: AsyncConnection, run_id: str, attempt: int, late: Sequence[StoredStep]
) -> None:
    """Lay late steps into the blocks that cover them, or that begin last before them."""
    spans = await repository.block_spans(driver, run_id, attempt)
    begins = [span.first_step for span in spans]
    groups: dict[int, list[StoredStep]] = {}
    for one in late:
        place = max(0, bisect_right(begins, one.step) - 1)
        groups.setdefault(place, []).append(one)
    for place, steps in groups.items():
        first, last = spans[place].first_step, spans[place].last_step
        blocks = await repository.read_blocks(driver, run_id, attempt, first, last)
        own = [block for block in blocks if block.first_step == first]
        low = min(first, steps[0].step)
        high = max(last, steps[-1].step)
        merged = list(merge(own, steps, low, high).values())
        await repository.drop_blocks(driver, run_id, attempt, [first])
        for portion in split(merged):
            await _add(driver, run_id, attempt, portion)
