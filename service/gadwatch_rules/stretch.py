"""Many steps at once, by column: what a rule looks at to say that none of them concerns it."""

from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from itertools import accumulate
from math import isfinite
from operator import sub
from typing import TypeVar

from gadwatch_rules.batch import PAIRS_PER_BATCH
from gadwatch_rules.catalogue import PAIRS
from gadwatch_rules.steadiness import Swing, swings
from gadwatch_rules.trend import BLOCKS
from gadwatch_rules.window import BLOCK, Window

T = TypeVar("T")

ROUNDING = 1e-9
"""Relative to the largest value: much more than sums of so few values can be off by rounding."""


class Stretch:
    """Steps (their numbers) that follow what a state has seen, with finite values.

    ``columns`` holds each metric's values, derived metrics among them: one a step, or fewer of
    a metric that some steps lack. ``windows`` and ``position`` are as they were before, ``logged``
    holds the names that the run has logged itself by then.
    """

    def __init__(
        self,
        windows: Mapping[str, Window],
        columns: Mapping[str, list[float]],
        steps: Sequence[int],
        position: int = 0,
        logged: AbstractSet[str] = frozenset(),
    ) -> None:
        self.windows = windows
        self.columns = columns
        self.steps = steps
        self.size = len(steps)
        self.position = position
        self.logged = logged
        self._joined: dict[str, list[float]] = {}
        self._mean_bounds: dict[tuple[str, int], tuple[float, float]] = {}
        self._blocks: dict[tuple[str, str], list[object]] = {}
        self._swings: dict[str, list[Swing]] = {}

    def comes(self, metric: str) -> bool:
        """Whether every step has this metric."""
        return len(self.columns.get(metric, ())) == self.size

    def lacks(self, metric: str) -> bool:
        """Whether no step has this metric."""
        return metric not in self.columns

    def ever_seen(self, metric: str) -> bool:
        """Whether the metric comes or has come before."""
        return metric in self.columns or self.windows[metric].seen > 0

    def joined(self, metric: str) -> list[float]:
        """What the window holds, and the column behind it."""
        known = self._joined.get(metric)
        if known is None:
            known = self._joined[metric] = self.windows[metric].values + self.columns[metric]
        return known

    def since(self, metric: str, back: int) -> list[float]:
        """The column, and up to ``back`` values before it."""
        return self.joined(metric)[-len(self.columns[metric]) - back :]

    def before(self, metric: str) -> int:
        """How many values the window holds."""
        return len(self.windows[metric].values)

    def tails(self, metric: str, most: int) -> list[list[float]]:
        """For each value the newest ones up to it, at most so many."""
        values, first = self.joined(metric), self.before(metric) + 1
        return [values[max(0, end - most) : end] for end in range(first, len(values) + 1)]

    def means(self, metric: str, size: int) -> list[float] | None:
        """At each step the mean of the newest ``size`` values, but for rounding.

        None when there are not so many, when the metric does not come with every step, or when
        the values are too large to be added up.
        """
        if not self.comes(metric) or self.before(metric) < size:
            return None
        sums = list(accumulate(self.since(metric, size)))
        if not isfinite(sums[-1]):
            return None
        return [total / size for total in map(sub, sums[size:], sums)]

    def slack(self, metric: str) -> float:
        """How far a mean of :meth:`means` can be off."""
        return ROUNDING * max(map(abs, self.joined(metric)))

    def mean_bounds(self, metric: str, size: int) -> tuple[float, float] | None:
        """What holds every mean of the newest ``size`` values; None as for :meth:`means`."""
        found = self._mean_bounds.get((metric, size))
        if found is None:
            means = self.means(metric, size)
            if means is None:
                return None
            slack = self.slack(metric)
            found = self._mean_bounds[metric, size] = min(means) - slack, max(means) + slack
        return found

    def blocks(
        self, metric: str, key: str, size: int, work: Callable[[list[float]], T]
    ) -> list[T] | None:
        """All that :meth:`Window.remembered` would give in the course of the steps.

        None when the full blocks do not hold ``size`` values, or when no step has the metric.
        """
        found = self._blocks.get((metric, key))
        if found is None:
            values = self._from_block(metric, size)
            if values is None:
                return None
            found = [work(values[at - size : at]) for at in range(size, len(values) + 1, BLOCK)]
            self._blocks[metric, key] = found
        return found  # type: ignore[return-value] # one key, one kind of work

    def swings(self, metric: str) -> list[Swing] | None:
        """As :meth:`blocks`, for swings of ten blocks."""
        found = self._swings.get(metric)
        if found is None:
            values = self._from_block(metric, BLOCKS * BLOCK)
            if values is None:
                return None
            found = self._swings[metric] = swings(values, BLOCKS * BLOCK)
        return found

    def _from_block(self, metric: str, size: int) -> list[float] | None:
        """The column, and up to the last full block before it ``size`` values more."""
        if self.lacks(metric):
            return None
        end = self.before(metric) - self.windows[metric].count % BLOCK
        return self.joined(metric)[end - size :] if end >= size else None

    def pairs(self, unlogged: float = PAIRS_PER_BATCH) -> tuple[float, float]:
        """The fewest and the most pairs behind a step's means."""
        window = self.windows.get(PAIRS)
        told = self.columns.get(PAIRS, [])
        if window is not None and len(told) < self.size:
            told = [*window.values[-1:], *told]
        counts = [one if one >= 1 else unlogged for one in told] or [unlogged]
        return min(counts), max(counts)
