"""Trends by slopes of block means.

Neighbouring steps are correlated; ordinary regression and rank tests then cry "trend" on half of
all flat series. Means of ten blocks are nearly independent (domain facts: 4 % to 11 %).
"""

from collections.abc import Sequence
from math import isfinite, sqrt
from typing import NamedTuple

BLOCKS = 10


class Trend(NamedTuple):
    """Slope over a window of block means.

    ``change`` is the fitted change over the whole window, ``t`` the slope over its standard
    error (8 degrees of freedom), ``level`` the mean.
    """

    change: float
    t: float
    level: float


def block_means(values: Sequence[float], blocks: int = BLOCKS) -> list[float]:
    """Means of ``blocks`` equal consecutive blocks of the newest values, oldest first."""
    size = len(values) // blocks
    start = len(values) - size * blocks
    return [sum(values[at : at + size]) / size for at in range(start, len(values), size)]


def trend(values: Sequence[float], blocks: int = BLOCKS) -> Trend:
    """Fit a line through the block means of at least ``blocks`` values."""
    means = block_means(values, blocks)
    centre = 0.5 * (blocks - 1)
    spread = blocks * (blocks * blocks - 1) / 12
    level = sum(means) / blocks
    slope = sum((at - centre) * mean for at, mean in enumerate(means)) / spread
    residual = sum(
        square(mean - level - slope * (at - centre)) for at, mean in enumerate(means)
    ) / (blocks - 2)
    if not isfinite(residual):
        # Values near the largest double: nothing can be said of their slope.
        return Trend(0.0, 0.0, level)
    error = sqrt(residual / spread)
    change = slope * (blocks - 1)
    if error <= 1e-12 * (abs(level) + 1e-300):
        # A line without noise: its slope is certain, unless it is level.
        error = max(abs(level) * 1e-9, 1e-300)
    return Trend(change, slope / error, level)


def square(x: float) -> float:
    """The square, infinite where ``**`` would raise."""
    return x * x
