"""How much a series swings, apart from where it is going."""

from collections.abc import Sequence
from math import sqrt
from operator import mul, sub
from typing import NamedTuple

from gadwatch_rules.trend import BLOCKS, block_means

FLOOR = 0.05
"""Levels below this are taken as this, so that a loss near 0 is not divided by nothing."""


class Swing(NamedTuple):
    """Swings relative to the level.

    ``fast`` is the spread from step to step over the newest ten values, ``before`` the
    same over the values in front of them, ``slow`` how far block means go up and down a step
    beyond their net way (0 for any monotone series).
    """

    fast: float
    before: float
    slow: float


SHORT = 10
"""Values whose spread is the newest."""


def swing(values: Sequence[float]) -> Swing:
    """Measure at least 20 values."""
    return _swing(_squares(values), block_means(values))


def swings(values: Sequence[float], size: int) -> list[Swing]:
    """The swings of the first ``size`` values, of as many a tenth of that further on, and so on.

    As :func:`swing` has them one by one, at less cost: neighbours share most of the work.
    ``size`` is a multiple of ten.
    """
    part = size // BLOCKS
    whole = values[: len(values) - len(values) % part]
    squares, means = _squares(whole), block_means(whole, len(whole) // part)
    return [
        _swing(squares[at * part : at * part + size - 1], means[at : at + BLOCKS])
        for at in range(len(means) - BLOCKS + 1)
    ]


def _squares(values: Sequence[float]) -> list[float]:
    steps = list(map(sub, values[1:], values))
    return list(map(mul, steps, steps))


def _swing(squares: list[float], means: list[float]) -> Swing:
    """Of the squared steps from value to value, and the means of ten blocks."""
    newest, older = squares[1 - SHORT :], squares[: 1 - SHORT]
    level = max(abs(sum(means) / len(means)), FLOOR)
    ways = list(map(sub, means[1:], means))
    detour = sum(map(abs, ways)) - abs(means[-1] - means[0])
    return Swing(
        # Differences of independent values have twice their variance.
        sqrt(sum(newest) / (2 * len(newest))) / level,
        sqrt(sum(older) / (2 * len(older))) / level,
        detour / len(ways) / level,
    )
