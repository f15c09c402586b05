"""The SQL of stored steps: the tail, a row each, and the sealed blocks, one a metric."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from psycopg import AsyncConnection

from gadwatch_service.history.steps import StoredStep, Values
from gadwatch_service.store.binary import copy_tail_rows, pack_floats

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
_BLOCKS: Final = """
SELECT metric, first_step, last_step, steps, values FROM blocks
WHERE run_id = %s AND attempt = %s AND last_step >= %s AND first_step <= %s
"""

_NEXT: Final = """
SELECT least(
    (SELECT min(step) FROM tail WHERE run_id = %(run)s AND attempt = %(attempt)s
        AND step >= %(position)s),
    (SELECT greatest(first_step, %(position)s) FROM blocks
        WHERE run_id = %(run)s AND attempt = %(attempt)s AND metric = -1
        AND last_step >= %(position)s ORDER BY first_step LIMIT 1)
)
"""


@dataclass(slots=True)
class Block:
    """One metric's values over the steps of a block."""

    metric: int
    first_step: int
    last_step: int
    steps: list[int] | None
    values: Values

    @property
    def step_numbers(self) -> Sequence[int]:
        """The step of each value."""
        if self.steps is not None:
            return self.steps
        return range(self.first_step, self.first_step + len(self.values))


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
    data = copy_tail_rows(run_id, attempt, ((row.step, row.time, row.values) for row in rows))
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


async def read_blocks(
    connection: AsyncConnection, run_id: str, attempt: int, first: int, last: int
) -> list[Block]:
    """Every metric's blocks that reach into ``first`` … ``last``; the times under -1."""
    async with connection.cursor(binary=True) as cursor:
        await cursor.execute(_BLOCKS, [run_id, attempt, first, last])
        return [Block(*row) for row in await cursor.fetchall()]


async def next_step(
    connection: AsyncConnection, run_id: str, attempt: int, position: int
) -> int | None:
    """The first stored step at or behind ``position``, or a step just before it."""
    cursor = await connection.execute(
        _NEXT, {"run": run_id, "attempt": attempt, "position": position}
    )
    row = await cursor.fetchone()
    return None if row is None else row[0]
