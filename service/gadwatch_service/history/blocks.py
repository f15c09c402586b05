"""Blocks of steps: up to 256 values a metric, with what a chart needs of them. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from gadwatch_service.history.steps import Values
from gadwatch_service.history.table import Ints, Table
from gadwatch_service.store.binary import Floats, pack_columns, pack_floats

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


@dataclass(frozen=True, slots=True)
class NewBlock:
    """A block to be written; ``values`` are in binary form."""

    metric: int
    values: bytes
    summary: Summary


@dataclass(frozen=True, slots=True)
class Group:
    """The blocks of one stretch of steps: one a metric that has values, and one of the times.

    ``steps`` is None when they follow each other without a gap.
    """

    first_step: int
    last_step: int
    steps: Sequence[int] | None
    blocks: Sequence[NewBlock]


def make_group(table: Table) -> Group:
    """The blocks of some steps, all summaries by a few passes over one matrix."""
    matrix = np.column_stack([table.times, table.values])
    present = None
    if table.present is not None:
        present = np.column_stack([np.ones(len(table), bool), table.present])
    summaries = _summaries(table.steps, matrix, present)
    packed = pack_columns(matrix)
    if present is not None:
        for place in np.flatnonzero(~present.all(axis=0)).tolist():
            known = present[:, place].tolist()
            column = matrix[:, place].tolist()
            packed[place] = pack_floats(
                [value if there else None for value, there in zip(column, known, strict=True)]
            )
    first, last = int(table.steps[0]), int(table.steps[-1])
    return Group(
        first,
        last,
        None if last - first + 1 == len(table) else table.steps.tolist(),
        [
            NewBlock(place + TIMES, values, summary)
            for place, (values, summary) in enumerate(zip(packed, summaries, strict=True))
            if summary.count
        ],
    )


def split(table: Table) -> list[Table]:
    """Steps in portions of :data:`BLOCK_STEPS`, what is left over with the last of them."""
    if not len(table):
        return []
    portions = max(1, len(table) // BLOCK_STEPS)
    cuts = [*range(0, portions * BLOCK_STEPS, BLOCK_STEPS), len(table)]
    return [table[start:end] for start, end in pairwise(cuts)]


def _summaries(steps: Ints, matrix: Floats, present: NDArray[np.bool_] | None) -> list[Summary]:
    finite = np.isfinite(matrix)
    all_finite = bool(finite.all())
    low = matrix if all_finite else np.where(finite, matrix, np.inf)
    high = matrix if all_finite else np.where(finite, matrix, -np.inf)
    with np.errstate(over="ignore", invalid="ignore"):
        total = (matrix if all_finite else np.where(finite, matrix, 0.0)).sum(axis=0)
    known = np.ones_like(finite) if present is None else present
    odd = known & ~finite
    lowest, highest = low.argmin(axis=0), high.argmax(axis=0)
    places = np.arange(matrix.shape[1])
    columns = (
        known.sum(axis=0).tolist(),
        finite.sum(axis=0).tolist(),
        low[lowest, places].tolist(),
        high[highest, places].tolist(),
        total.tolist(),
        steps[lowest].tolist(),
        steps[highest].tolist(),
        np.where(odd.any(axis=0), steps[odd.argmax(axis=0)], -1).tolist(),
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
    odd = None if odd_step < 0 else odd_step
    if not finite:
        return Summary(count, 0, None, None, None, None, None, odd)
    # Huge values may add up beyond what a double holds: then there is no mean.
    mean_known = abs(total) < float("inf")
    return Summary(
        count, finite, low, high, total if mean_known else None, low_step, high_step, odd
    )
