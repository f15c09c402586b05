"""Thinning a series for a chart: every bucket keeps its extremes. Pure, numpy only.

An *atom* is the least that is known: a single point, or the summary of a block. Summaries know
where their extremes stand, so whatever is drawn is a value that was logged, at its own step.
"""

from dataclasses import dataclass
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

NEVER: Final = -1
"""The step of what an atom does not have."""


@dataclass(slots=True)
class Atoms:
    """Atoms in step order, column by column.

    ``low`` is +inf and ``high`` -inf where an atom has no finite value; ``odd_step`` is the step
    of its first non-finite value (``odd`` the value) or :data:`NEVER`. ``weight`` counts values.
    """

    low: Floats
    low_step: Ints
    high: Floats
    high_step: Ints
    odd: Floats
    odd_step: Ints
    weight: Ints

    @classmethod
    def of_points(cls, steps: Ints, values: Floats) -> Self:
        """Each point its own atom."""
        finite = np.isfinite(values)
        return cls(
            low=np.where(finite, values, np.inf),
            low_step=np.where(finite, steps, NEVER),
            high=np.where(finite, values, -np.inf),
            high_step=np.where(finite, steps, NEVER),
            odd=values,
            odd_step=np.where(finite, NEVER, steps),
            weight=np.ones(len(steps), np.int64),
        )

    def __len__(self) -> int:
        return len(self.weight)


def join(parts: list[Atoms]) -> Atoms:
    """Atoms of several readings behind each other."""
    if not parts:
        return Atoms.of_points(np.empty(0, np.int64), np.empty(0))
    return Atoms(
        *(
            np.concatenate([getattr(part, name) for part in parts])
            for name in Atoms.__dataclass_fields__
        )
    )


def thin(atoms: Atoms, points: int) -> tuple[Ints, Floats]:
    """At most about ``points`` points, in step order: steps and values.

    The values are divided into ``points / 2`` buckets of equal counts; each gives its least and
    its greatest finite value and its first non-finite one. The series' first and last known
    points are kept. The same data always gives the same points.
    """
    if not len(atoms):
        return np.empty(0, np.int64), np.empty(0)
    buckets = max(1, points // 2)
    before = np.cumsum(atoms.weight) - atoms.weight
    total = int(before[-1] + atoms.weight[-1])
    bucket = (before * buckets) // total if total > points else np.arange(len(atoms))
    starts = np.flatnonzero(np.diff(bucket, prepend=-1))
    lowest = _first_match(atoms.low, np.minimum.reduceat(atoms.low, starts), starts, len(atoms))
    highest = _first_match(atoms.high, np.maximum.reduceat(atoms.high, starts), starts, len(atoms))
    oddest = _first_match(
        (atoms.odd_step == NEVER).astype(float),
        np.zeros(len(starts)),
        starts,
        len(atoms),
    )
    ends = np.array([0, len(atoms) - 1])
    steps = np.concatenate(
        [
            atoms.low_step[lowest],
            atoms.high_step[highest],
            atoms.odd_step[oddest],
            atoms.low_step[ends],
            atoms.high_step[ends],
        ]
    )
    values = np.concatenate(
        [
            atoms.low[lowest],
            atoms.high[highest],
            atoms.odd[oddest],
            atoms.low[ends],
            atoms.high[ends],
        ]
    )
    known = steps != NEVER
    steps, first = np.unique(steps[known], return_index=True)
    return steps, values[known][first]


def _first_match(values: Floats, wanted: Floats, starts: Ints, size: int) -> Ints:
    """The place of the first value of each bucket that equals what is wanted there."""
    per_value = np.repeat(wanted, np.diff(starts, append=size))
    places = np.flatnonzero(values == per_value)
    group = np.searchsorted(starts, places, side="right")
    _, first = np.unique(group, return_index=True)
    return places[first]
