"""The SQL of charts: block summaries as arrays, values of a few blocks, the tail's columns."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from itertools import groupby
from operator import itemgetter
from typing import Any, Final

import numpy as np
from psycopg import AsyncConnection

from gadwatch_service.series.downsample import Floats, Ints
from gadwatch_service.store.binary import unpack_floats, unpack_rows

_SUMMARIES: Final = """
SELECT metric, first_step, int8send(first_step), int8send(last_step), int4send(count::int4),
       float8send(coalesce(minimum, 'Infinity')), int8send(coalesce(minimum_step, -1)),
       float8send(coalesce(maximum, '-Infinity')), int8send(coalesce(maximum_step, -1)),
       int8send(coalesce(nonfinite_step, -1))
FROM blocks
WHERE run_id = %(run)s AND attempt = %(attempt)s AND metric = ANY(%(places)s)
    AND last_step >= %(first)s AND first_step <= %(last)s
    AND first_step >= coalesce((
        SELECT max(first_step) FROM blocks
        WHERE run_id = %(run)s AND attempt = %(attempt)s AND metric = -1
            AND first_step <= %(first)s
    ), 0)
"""
"""Blocks do not overlap: the one that covers a step is the last that begins before it."""
_STATISTICS: Final = f"""
SELECT metric, {", ".join(f"string_agg(c{n}, '' ORDER BY c0)" for n in range(1, 9))}
FROM ({_SUMMARIES}) AS s (metric, {", ".join(f"c{n}" for n in range(9))})
GROUP BY metric
"""  # noqa: S608 - numbered columns of our own
_VALUES: Final = """
SELECT metric, first_step, steps, array_send(values) FROM blocks
WHERE run_id = %s AND attempt = %s AND metric = ANY(%s) AND first_step = ANY(%s)
ORDER BY metric, first_step
"""
_TAIL: Final = """
SELECT step, extract(epoch FROM time)::float8{columns} FROM tail
WHERE run_id = %s AND attempt = %s AND step BETWEEN %s AND %s ORDER BY step
"""
_FINDING_STEPS: Final = """
SELECT metric, first_step, last_step FROM findings
WHERE run_id = %s AND attempt = %s AND metric = ANY(%s) ORDER BY first_step DESC LIMIT 500
"""


@dataclass(slots=True)
class Summaries:
    """What is known of each block of one metric without reading its values."""

    first_step: Ints
    last_step: Ints
    count: Ints
    low: Floats
    low_step: Ints
    high: Floats
    high_step: Ints
    odd_step: Ints

    @classmethod
    def empty(cls) -> "Summaries":
        """No blocks."""
        none, no_values = np.empty(0, np.int64), np.empty(0)
        return cls(none, none, none, no_values, none, no_values, none, none)

    def __len__(self) -> int:
        return len(self.first_step)

    @property
    def points(self) -> int:
        """How many values the blocks hold."""
        return int(self.count.sum())

    def without(self, first_steps: Sequence[int]) -> "Summaries":
        """The blocks that do not begin at one of these steps."""
        if not len(self):
            return self
        left = ~np.isin(self.first_step, first_steps)
        return Summaries(*(getattr(self, one.name)[left] for one in fields(self)))


async def read_summaries(
    connection: AsyncConnection,
    run_id: str,
    attempt: int,
    places: Sequence[int],
    first: int,
    last: int,
) -> dict[int, Summaries]:
    """The summaries of every block that reaches into ``first`` … ``last``, by metric."""
    cursor = await connection.execute(
        _STATISTICS,
        {
            "run": run_id,
            "attempt": attempt,
            "places": list(places),
            "first": first,
            "last": last,
        },
        binary=True,
    )
    found: dict[int, Summaries] = {}
    kinds = (">i8", ">i8", ">i4", ">f8", ">i8", ">f8", ">i8", ">i8")
    for row in await cursor.fetchall():
        columns: list[Any] = [
            np.frombuffer(data, kind).astype(kind[1:].replace("i4", "i8"))
            for data, kind in zip(row[1:], kinds, strict=True)
        ]
        found[row[0]] = Summaries(*columns)
    return found


async def read_values(
    connection: AsyncConnection,
    run_id: str,
    attempt: int,
    places: Sequence[int],
    first_steps: Sequence[int],
) -> dict[int, tuple[Ints, Floats]]:
    """Steps and present values of the blocks that begin at ``first_steps``, by metric."""
    async with connection.cursor(binary=True) as cursor:
        await cursor.execute(_VALUES, [run_id, attempt, list(places), list(first_steps)])
        rows = await cursor.fetchall()
    return {
        metric: _points([row[1:] for row in blocks])
        for metric, blocks in groupby(rows, key=itemgetter(0))
    }


def _points(blocks: Sequence[tuple[int, list[int] | None, bytes]]) -> tuple[Ints, Floats]:
    """The points of one metric's blocks in order, all at once where they are alike."""
    whole = None
    if all(numbers is None for _, numbers, _ in blocks):
        whole = unpack_rows([data for _, _, data in blocks])
    if whole is not None:
        begins = np.array([first for first, _, _ in blocks], np.int64)
        return (begins[:, None] + np.arange(whole.shape[1])).ravel(), whole.ravel()
    parts = [_block_points(*block) for block in blocks]
    return np.concatenate([part[0] for part in parts]), np.concatenate([part[1] for part in parts])


def _block_points(first: int, numbers: list[int] | None, data: bytes) -> tuple[Ints, Floats]:
    values, present = unpack_floats(data)
    steps = np.arange(first, first + len(values)) if numbers is None else np.array(numbers)
    return (steps, values) if present is None else (steps[present], values[present])


@dataclass(slots=True)
class TailColumns:
    """The tail's values of some metrics; ``present`` says which of them were logged."""

    steps: Ints
    times: Floats
    values: dict[int, tuple[Ints, Floats]]


async def read_tail(
    connection: AsyncConnection,
    run_id: str,
    attempt: int,
    places: Sequence[int],
    first: int,
    last: int,
) -> TailColumns:
    """Steps and present values of the tail, by metric."""
    columns = "".join(f", values[{int(place) + 1}]" for place in places)
    statement = _TAIL.format(columns=columns)
    async with connection.cursor(binary=True) as cursor:
        await cursor.execute(statement, [run_id, attempt, first, last])
        rows = await cursor.fetchall()
    steps = np.array([row[0] for row in rows], np.int64)
    values = {}
    for number, place in enumerate(places, 2):
        column = [(row[0], row[number]) for row in rows if row[number] is not None]
        values[place] = (
            np.array([step for step, _ in column], np.int64),
            np.array([value for _, value in column], np.float64),
        )
    return TailColumns(steps, np.array([row[1] for row in rows], np.float64), values)


async def finding_steps(
    connection: AsyncConnection, run_id: str, attempt: int, metrics: Sequence[str]
) -> dict[str, set[int]]:
    """The steps at which findings on these metrics begin and end."""
    cursor = await connection.execute(_FINDING_STEPS, [run_id, attempt, list(metrics)])
    found: dict[str, set[int]] = {}
    for metric, first, last in await cursor.fetchall():
        found.setdefault(metric, set()).update((first, last))
    return found
