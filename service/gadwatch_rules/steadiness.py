"""How much a series swings, apart from where it is going."""

from collections.abc import Sequence
from math import sqrt
from operator import sub
from typing import NamedTuple

from gadwatch_rules.trend import block_means

FLOOR = 0.05
"""Levels below this are taken as this, so that a loss near 0 is not divided by nothing."""


class Swing(NamedTuple):
    """Swings relative to the level.

    ``fast`` is the spread from step to step over the newest ``short`` values, ``before`` the
    same over the values in front of them, ``slow`` what block means go up and down beyond
    their net way (0 for any monotone series).
    """

    fast: float
    before: float
    slow: float


def swing(values: Sequence[float], short: int = 10) -> Swing:
    """Measure at least 20 values."""
    level = max(abs(sum(values) / len(values)), FLOOR)
    steps = list(map(sub, values[1:], values[:-1]))
    newest, older = steps[-short:], steps[:-short]
    means = block_means(values)
    ways = list(map(sub, means[1:], means[:-1]))
    detour = sum(map(abs, ways)) - abs(means[-1] - means[0])
    return Swing(_spread(newest) / level, _spread(older) / level, detour / len(ways) / level)


def _spread(steps: Sequence[float]) -> float:
    # Differences of independent values have twice their variance.
    return sqrt(sum([step * step for step in steps]) / (2 * len(steps)))
