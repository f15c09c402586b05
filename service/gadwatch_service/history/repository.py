"""The SQL of stored steps: the tail, a row each, and the sealed blocks, one a metric."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from psycopg import AsyncConnection

from gadwatch_service.history.blocks import BLOCK_STEPS, Block, Group
from gadwatch_service.history.steps import StoredStep
from gadwatch_service.history.table import Table
from gadwatch_service.store.binary import (
    COPY_END,
    COPY_START,
    BlockRows,
    copy_tail_rows,
    pack_floats,
    pack_integers,
)

TIMES: Final = -1
"""The metric number under which a block of times is kept."""

_FEW: Final = 8
"""Up to so many rows single inserts are cheaper than opening a COPY."""

_COPY: Final = "COPY tail (run_id, attempt, step, time, values) FROM STDIN (FORMAT binary)"
_INSERT: Final = """
INSERT INTO tail (run_id, attempt, step, time, values)
VALUES (%s, %s, %s, to_timestamp(%s::float8), %b)
"""
_UPSERT: Final = f"""{_INSERT}
ON CONFLICT (run_id, attempt, step) DO UPDATE SET values = excluded.values
"""
_TAIL: Final = """
SELECT step, extract(epoch FROM time)::float8, values FROM tail
WHERE run_id = %s AND attempt = %s AND step BETWEEN %s AND %s ORDER BY step LIMIT %s
"""
_TAIL_PACKED: Final = """
SELECT step, extract(epoch FROM time)::float8, array_send(values) FROM tail
WHERE run_id = %s AND attempt = %s ORDER BY step LIMIT %s
"""
# Blocks do not overlap: the one that covers a step is the last that begins before it.
_COVERING: Final = """
    first_step >= coalesce((
        SELECT max(first_step) FROM blocks
        WHERE run_id = %(run)s AND attempt = %(attempt)s AND metric = -1
            AND first_step <= %(first)s
    ), 0)
"""
_BLOCKS: Final = f"""
SELECT metric, first_step, last_step, steps, values FROM blocks
WHERE run_id = %(run)s AND attempt = %(attempt)s AND last_step >= %(first)s
    AND first_step <= %(last)s AND {_COVERING}
"""  # noqa: S608 - a condition of our own

_COPY_BLOCKS: Final = """
COPY blocks (run_id, attempt, metric, first_step, last_step, steps, values, count, finite,
    minimum, maximum, total, minimum_step, maximum_step, nonfinite_step)
FROM STDIN (FORMAT binary)
"""
_SPANS: Final = """
SELECT first_step, last_step, maximum FROM blocks
WHERE run_id = %s AND attempt = %s AND metric = -1 ORDER BY first_step
"""
_SEALED_TO: Final = """
SELECT last_step FROM blocks WHERE run_id = %s AND attempt = %s AND metric = -1
ORDER BY first_step DESC LIMIT 1
"""
_DROP_TAIL: Final = """
DELETE FROM tail WHERE run_id = %s AND attempt = %s AND step BETWEEN %s AND %s
"""
_DROP_BLOCKS: Final = """
DELETE FROM blocks WHERE run_id = %s AND attempt = %s AND first_step = ANY(%s)
"""
_PORTION: Final = f"""
SELECT least(
    (SELECT CASE WHEN count(*) = %(blocks)s THEN max(last_step) END FROM (
        SELECT last_step FROM blocks WHERE run_id = %(run)s AND attempt = %(attempt)s
            AND metric = -1 AND last_step >= %(first)s AND {_COVERING}
        ORDER BY first_step LIMIT %(blocks)s
    ) AS b),
    (SELECT CASE WHEN count(*) = %(rows)s THEN max(step) END FROM (
        SELECT step FROM tail WHERE run_id = %(run)s AND attempt = %(attempt)s
            AND step >= %(first)s ORDER BY step LIMIT %(rows)s
    ) AS t)
)
"""  # noqa: S608 - the same


async def add_to_tail(
    connection: AsyncConnection, run_id: str, attempt: int, rows: Sequence[StoredStep]
) -> None:
    """Store steps that the tail does not have."""
    if len(rows) <= _FEW:
        for row in rows:
            await connection.execute(
                _INSERT, [run_id, attempt, row.step, row.time, pack_floats(row.values)]
            )
        return
    data = copy_tail_rows(run_id, attempt, [(row.step, row.time, row.values) for row in rows])
    async with connection.cursor() as cursor, cursor.copy(_COPY) as copy:
        await copy.write(data)


async def put_in_tail(
    connection: AsyncConnection, run_id: str, attempt: int, rows: Sequence[StoredStep]
) -> None:
    """Store steps, replacing the values of those that the tail has."""
    for row in rows:
        await connection.execute(
            _UPSERT, [run_id, attempt, row.step, row.time, pack_floats(row.values)]
        )


async def read_tail(
    connection: AsyncConnection,
    run_id: str,
    attempt: int,
    first: int,
    last: int,
    limit: int | None = None,
) -> list[StoredStep]:
    """The tail's rows from step ``first`` to ``last``, in order."""
    async with connection.cursor(binary=True) as cursor:
        await cursor.execute(_TAIL, [run_id, attempt, first, last, limit])
        return [StoredStep(*row) for row in await cursor.fetchall()]


async def read_tail_table(
    connection: AsyncConnection, run_id: str, attempt: int, limit: int
) -> Table:
    """The tail's first rows as arrays."""
    async with connection.cursor(binary=True) as cursor:
        await cursor.execute(_TAIL_PACKED, [run_id, attempt, limit])
        return Table.of_packed(await cursor.fetchall())


async def read_blocks(
    connection: AsyncConnection, run_id: str, attempt: int, first: int, last: int
) -> list[Block]:
    """Every metric's blocks that reach into ``first`` … ``last``; the times under -1."""
    async with connection.cursor(binary=True) as cursor:
        span = {"run": run_id, "attempt": attempt, "first": first, "last": last}
        await cursor.execute(_BLOCKS, span)
        return [Block(*row) for row in await cursor.fetchall()]


async def portion_end(
    connection: AsyncConnection, run_id: str, attempt: int, position: int, blocks: int
) -> int | None:
    """The step up to which ``blocks`` blocks, or as many rows of the tail, reach.

    Counted from ``position``; None when there are fewer behind it.
    """
    cursor = await connection.execute(
        _PORTION,
        {
            "run": run_id,
            "attempt": attempt,
            "first": position,
            "blocks": blocks,
            "rows": blocks * BLOCK_STEPS,
        },
    )
    row = await cursor.fetchone()
    return None if row is None else row[0]


async def sealed_to(connection: AsyncConnection, run_id: str, attempt: int) -> int | None:
    """The last step that is in a block; None when none is."""
    cursor = await connection.execute(_SEALED_TO, [run_id, attempt])
    row = await cursor.fetchone()
    return None if row is None else row[0]


@dataclass(frozen=True, slots=True)
class BlockSpan:
    """The steps of a block, and the unix time of its newest one."""

    first_step: int
    last_step: int
    last_time: float


async def block_spans(connection: AsyncConnection, run_id: str, attempt: int) -> list[BlockSpan]:
    """Every block of an attempt, in order."""
    cursor = await connection.execute(_SPANS, [run_id, attempt])
    return [BlockSpan(*row) for row in await cursor.fetchall()]


async def add_blocks(connection: AsyncConnection, run_id: str, attempt: int, group: Group) -> None:
    """Store the blocks of a stretch of steps."""
    steps = None if group.steps is None else pack_integers(group.steps)
    rows = BlockRows(run_id, attempt, group.first_step, group.last_step, steps)
    parts = [COPY_START]
    for block in group.blocks:
        summary = block.summary
        facts = (
            summary.minimum,
            summary.maximum,
            summary.total,
            summary.minimum_step,
            summary.maximum_step,
            summary.nonfinite_step,
        )
        counts = (summary.count, summary.finite)
        parts.append(rows.pack(block.metric, block.values, counts, facts))
    parts.append(COPY_END)
    async with connection.cursor() as cursor, cursor.copy(_COPY_BLOCKS) as copy:
        await copy.write(b"".join(parts))


async def drop_blocks(
    connection: AsyncConnection, run_id: str, attempt: int, first_steps: Sequence[int]
) -> None:
    """Remove every metric's blocks that begin at these steps."""
    await connection.execute(_DROP_BLOCKS, [run_id, attempt, list(first_steps)])


async def drop_from_tail(
    connection: AsyncConnection, run_id: str, attempt: int, first: int, last: int
) -> int:
    """Remove the steps from ``first`` to ``last`` from the tail; how many there were."""
    cursor = await connection.execute(_DROP_TAIL, [run_id, attempt, first, last])
    return cursor.rowcount
