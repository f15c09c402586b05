"""Turns the tail of a run into blocks, off the request path."""

from bisect import bisect_right
from typing import Final

import numpy as np
from psycopg import AsyncConnection

from gadwatch_service import metrics
from gadwatch_service.errors import NotFound
from gadwatch_service.history import repository
from gadwatch_service.history.blocks import BLOCK_STEPS, make_group, split
from gadwatch_service.history.reading import merge
from gadwatch_service.history.steps import StoredStep
from gadwatch_service.history.table import Table
from gadwatch_service.judging.hold import Hold
from gadwatch_service.judging.keeper import Keeper
from gadwatch_service.store.database import Database
from gadwatch_service.upkeep.repository import list_to_seal

_RUNS: Final = 50
_ROWS: Final = 16 * BLOCK_STEPS
"""Most tail rows that one transaction seals."""

_RUNNING: Final = frozenset({"running", "stalled"})


async def seal_due(database: Database, keeper: Keeper) -> bool:
    """One round: seal every run whose tail is long enough; says whether there is more."""
    async with database.session() as session:
        due = await list_to_seal(session, _RUNS)
    more = len(due) == _RUNS
    for run_id in due:
        try:
            async with keeper.hold(run_id) as hold:
                await seal(hold)
        except NotFound:
            continue  # Deleted since it was listed.
        more = more or hold.run.row.seal_wanted
    return more


async def seal(hold: Hold) -> None:
    """Seal one run under its lock, all in the transaction of the hold.

    1. Of the newest attempt of a running run whole blocks are taken, and never its newest step:
       values may still come for it. Of all others everything is taken.
    2. Late steps join the block that covers them; it is made anew, the tail's values winning.
    3. Steps behind the last block become new blocks.
    4. The rows leave the tail.
    """
    run, row, driver = hold.run, hold.run.row, hold.driver
    left_over = False
    for attempt in run.attempts.values():
        table = await repository.read_tail_table(driver, run.run_id, attempt.attempt, _ROWS)
        left_over = left_over or len(table) == _ROWS
        if not len(table):
            continue
        end = await repository.sealed_to(driver, run.run_id, attempt.attempt)
        behind = 0 if end is None else int(np.searchsorted(table.steps, end, side="right"))
        late, fresh = table[:behind], table[behind:]
        if attempt.attempt == row.attempt and row.status in _RUNNING:
            fresh = _whole_blocks(fresh, growing=len(table) < _ROWS)
        if len(late):
            await _join(driver, run.run_id, attempt.attempt, late)
        for portion in split(fresh):
            await _add(driver, run.run_id, attempt.attempt, portion)
        for part in (late, fresh):
            if len(part):
                row.tail_rows -= await repository.drop_from_tail(
                    driver, run.run_id, attempt.attempt, int(part.steps[0]), int(part.steps[-1])
                )
    row.seal_wanted = left_over


def _whole_blocks(table: Table, *, growing: bool) -> Table:
    """The steps that fill blocks, without the very last while the attempt grows there."""
    closed = len(table) - 1 if growing else len(table)
    return table[: max(0, closed) // BLOCK_STEPS * BLOCK_STEPS]


async def _add(driver: AsyncConnection, run_id: str, attempt: int, table: Table) -> None:
    group = make_group(table)
    await repository.add_blocks(driver, run_id, attempt, group)
    metrics.sealed_blocks.inc(len(group.blocks))


async def _join(driver: AsyncConnection, run_id: str, attempt: int, late: Table) -> None:
    """Lay late steps into the blocks that cover them, or that begin last before them."""
    spans = await repository.block_spans(driver, run_id, attempt)
    begins = [span.first_step for span in spans]
    last_step = int(late.steps[-1])
    rows = await repository.read_tail(driver, run_id, attempt, int(late.steps[0]), last_step)
    groups: dict[int, list[StoredStep]] = {}
    for row in rows:
        groups.setdefault(max(0, bisect_right(begins, row.step) - 1), []).append(row)
    for place, steps in groups.items():
        span = spans[place]
        first = min(span.first_step, steps[0].step)
        last = max(span.last_step, steps[-1].step)
        blocks = await repository.read_blocks(
            driver, run_id, attempt, span.first_step, span.last_step
        )
        own = [block for block in blocks if block.first_step == span.first_step]
        merged = list(merge(own, steps, first, last).values())
        await repository.drop_blocks(driver, run_id, attempt, [span.first_step])
        for portion in split(Table.of_rows(merged)):
            await _add(driver, run_id, attempt, portion)
