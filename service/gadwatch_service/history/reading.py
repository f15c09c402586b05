"""Steps as they count: the blocks with the tail laid over them, since a later write wins."""

from collections.abc import AsyncIterator, Sequence
from typing import Final

from psycopg import AsyncConnection

from gadwatch_service.history import repository
from gadwatch_service.history.blocks import TIMES, Block
from gadwatch_service.history.steps import StoredStep, overlay

_BLOCKS: Final = 4
"""How many blocks one reading covers."""

_LAST: Final = 2**62


async def read_steps(
    connection: AsyncConnection, run_id: str, attempt: int, first: int, last: int
) -> dict[int, StoredStep]:
    """Every stored step from ``first`` to ``last``, by number, in order."""
    # The tail first: what is sealed between the two readings is then seen twice, not never.
    tail = await repository.read_tail(connection, run_id, attempt, first, last)
    blocks = await repository.read_blocks(connection, run_id, attempt, first, last)
    return merge(blocks, tail, first, last)


def merge(
    blocks: Sequence[Block], tail: Sequence[StoredStep], first: int, last: int
) -> dict[int, StoredStep]:
    """Lay the tail over the blocks."""
    width = 1 + max((block.metric for block in blocks), default=-1)
    merged: dict[int, StoredStep] = {}
    for block in sorted(blocks, key=lambda one: one.metric):
        for step, value in zip(block.step_numbers, block.values, strict=True):
            if not first <= step <= last or value is None:
                continue
            if block.metric == TIMES:
                merged[step] = StoredStep(step, value, [None] * width)
            else:
                merged[step].values[block.metric] = value
    for row in tail:
        below = merged.get(row.step)
        if below is None:
            merged[row.step] = row
        else:
            below.values = overlay(below.values, row.values)
    return dict(sorted(merged.items()))


async def iterate_steps(
    connection: AsyncConnection, run_id: str, attempt: int, first: int = 0, last: int = _LAST
) -> AsyncIterator[list[StoredStep]]:
    """All stored steps in order, in portions, with memory for one portion only."""
    position = first
    while position <= last:
        end = await repository.portion_end(connection, run_id, attempt, position, _BLOCKS)
        stop = last if end is None else min(end, last)
        portion = await read_steps(connection, run_id, attempt, position, stop)
        if portion:
            yield list(portion.values())
        if end is None:
            return
        position = stop + 1
