"""How much a series swings, apart from where it is going."""

from collections.abc import Sequence
from math import sqrt
from operator import mul, sub
from typing import NamedTuple

from gadwatch_rules.trend import block_means

FLOOR = 0.05
"""Levels below this are taken as this, so that a loss near 0 is not divided by nothing."""


class Swing(NamedTuple):
    """Swings relative to the level.

    ``fast`` is the spread from step to step over the newest ``short`` values, ``before`` the
    same over the values in front of them, ``slow`` how far block means go up and down a step
    beyond their net way (0 for any monotone series).
    """

    fast: float
    before: float
    slow: float


def swing(values: Sequence[float], short: int = 10) -> Swing:
    """Measure at least ``short`` + 10 values."""
    steps = list(map(sub, values[1:], values))
    squares = list(map(mul, steps, steps))
    newest, older = squares[1 - short :], squares[: 1 - short]
    means = block_means(values)
    level = max(abs(sum(means) / len(means)), FLOOR)
    ways = list(map(sub, means[1:], means))
    detour = sum(map(abs, ways)) - abs(means[-1] - means[0])
    return Swing(
        # Differences of independent values have twice their variance.
        sqrt(sum(newest) / (2 * len(newest))) / level,
        sqrt(sum(older) / (2 * len(older))) / level,
        detour / len(ways) / level,
    )
