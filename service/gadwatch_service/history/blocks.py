"""Making blocks of steps: up to 256 values a metric, with what a chart needs of them. Pure."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from gadwatch_service.history.steps import StoredStep, Values

BLOCK_STEPS: Final = 256
"""How many steps a block holds; the last one of several may hold nearly twice as many."""

TIMES: Final = -1
"""The metric number under which a block's times are kept."""


@dataclass(frozen=True, slots=True)
class Block:
    """One metric's values over the steps of a block; see the table."""

    metric: int
    first_step: int
    last_step: int
    steps: Sequence[int] | None
    values: Values

    @property
    def step_numbers(self) -> Sequence[int]:
        """The step of each value."""
        if self.steps is not None:
            return self.steps
        return range(self.first_step, self.first_step + len(self.values))


@dataclass(frozen=True, slots=True)
class Summary:
    """What is kept beside a block's values; None where there is no finite value."""

    count: int
    finite: int
    minimum: float | None
    maximum: float | None
    total: float | None
    minimum_step: int | None
    maximum_step: int | None
    nonfinite_step: int | None


def make_blocks(rows: Sequence[StoredStep]) -> list[tuple[Block, Summary]]:
    """The blocks of some steps in order: one a metric that has values, and one of the times.

    The metrics' values are one matrix, so that their summaries cost a few passes over it.
    """
    width = max(len(row.values) for row in rows)
    numbers = np.array([row.step for row in rows], np.int64)
    table: list[Values] = [
        [row.time, *row.values, *[None] * (width - len(row.values))] for row in rows
    ]
    columns: list[Values] = [list(column) for column in zip(*table, strict=True)]
    matrix = np.array(table, np.float64)
    present = np.ones_like(matrix, bool)
    for place, column in enumerate(columns):
        if None in column:
            present[:, place] = [value is not None for value in column]
    summaries = _summaries(numbers, matrix, present)
    first, last = int(numbers[0]), int(numbers[-1])
    steps = None if last - first + 1 == len(rows) else numbers.tolist()
    return [
        (Block(place + TIMES, first, last, steps, column), summary)
        for place, (column, summary) in enumerate(zip(columns, summaries, strict=True))
        if summary.count
    ]


def split(rows: Sequence[StoredStep]) -> list[Sequence[StoredStep]]:
    """Steps in portions of :data:`BLOCK_STEPS`, what is left over with the last of them."""
    portions = max(1, len(rows) // BLOCK_STEPS)
    cuts = [*range(0, portions * BLOCK_STEPS, BLOCK_STEPS), len(rows)]
    return [rows[start:end] for start, end in itertools.pairwise(cuts)]


def _summaries(
    numbers: NDArray[np.int64], matrix: NDArray[np.float64], present: NDArray[np.bool_]
) -> list[Summary]:
    finite = np.isfinite(matrix)
    low = np.where(finite, matrix, np.inf)
    high = np.where(finite, matrix, -np.inf)
    with np.errstate(over="ignore", invalid="ignore"):
        total = np.where(finite, matrix, 0.0).sum(axis=0)
    odd = present & ~finite
    columns = (
        present.sum(axis=0).tolist(),
        finite.sum(axis=0).tolist(),
        low.min(axis=0).tolist(),
        high.max(axis=0).tolist(),
        total.tolist(),
        numbers[low.argmin(axis=0)].tolist(),
        numbers[high.argmax(axis=0)].tolist(),
        np.where(odd.any(axis=0), numbers[odd.argmax(axis=0)], -1).tolist(),
    )
    return [_summary(*column) for column in zip(*columns, strict=True)]


def _summary(
    count: int,
    finite: int,
    low: float,
    high: float,
    total: float,
    low_step: int,
    high_step: int,
    odd_step: int,
) -> Summary:
    if not finite:
        return Summary(count, 0, None, None, None, None, None, odd_step)
    # Huge values may add up beyond what a double holds: then there is no mean.
    mean_known = abs(total) < float("inf")
    return Summary(
        count,
        finite,
        low,
        high,
        total if mean_known else None,
        low_step,
        high_step,
        None if odd_step < 0 else odd_step,
    )
