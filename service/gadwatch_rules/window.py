"""The recent finite values of one metric. Everything a rule remembers of a series is here."""

from collections.abc import Callable, Iterable
from math import sqrt
from operator import sub
from typing import TypeVar

T = TypeVar("T")

BLOCK = 5
"""Steps of a block: trends and swings are judged when a block is full."""


class Window:
    """The last ``keep`` finite values of a metric, and when it was seen.

    Positions count observed steps of the segment from 1; 0 means never. A non-finite value
    moves ``seen`` and ``bad`` but never enters ``values``.
    """

    __slots__ = (
        "bad",
        "bad_before",
        "count",
        "keep",
        "last",
        "last_before",
        "memo",
        "seen",
        "seen_before",
        "start",
        "start_size",
        "values",
    )

    def __init__(self, keep: int = 1, start_size: int = 0) -> None:
        self.keep = keep
        self.start_size = start_size
        self.values: list[float] = []
        self.start: list[float] = []
        self.count = 0
        self.seen = self.seen_before = 0
        self.bad = self.bad_before = 0
        self.last = self.last_before = 0.0
        self.memo: dict[str, object] = {}

    def push(self, value: float, position: int, finite: bool) -> bool:
        """Take the value observed at ``position``. Gives back ``finite``: whether it counts."""
        self.seen_before = self.seen
        self.bad_before = self.bad
        self.last_before = self.last
        self.seen = position
        self.last = value
        if not finite:
            self.bad = position
            return False
        values = self.values
        if len(values) > 2 * self.keep + 32:
            del values[: -self.keep - BLOCK]
        values.append(value)
        self.count += 1
        if not self.count % BLOCK and self.memo:
            self.memo = {}
        if self.count <= self.start_size:
            self.start.append(value)
        return True

    def undo(self) -> None:
        """Take back the newest push. Only one step can be taken back."""
        if self.bad != self.seen:
            self.values.pop()
            if self.count <= self.start_size:
                self.start.pop()
            self.count -= 1
        self.seen, self.bad = self.seen_before, self.bad_before
        self.last = self.last_before
        self.memo = {}

    def stored(self) -> list[float]:
        """The values that must outlive this process."""
        return self.values[-self.keep - BLOCK :]

    def in_blocks(self, size: int) -> list[float]:
        """The newest ``size`` values up to the end of the last full block."""
        end = len(self.values) - self.count % BLOCK
        return self.values[max(0, end - size) : end]

    def remembered(self, key: str, size: int, work: Callable[[list[float]], T]) -> T:
        """What ``work`` makes of ``in_blocks(size)``, worked out once a block."""
        known = self.memo.get(key)
        if known is None:
            known = self.memo[key] = work(self.in_blocks(size))
        return known  # type: ignore[return-value] # one key, one kind of work


def median(values: Iterable[float]) -> float:
    """The median of at least one value."""
    ordered = sorted(values)
    size = len(ordered)
    middle = size // 2
    if size % 2:
        return ordered[middle]
    return 0.5 * (ordered[middle - 1] + ordered[middle])


def step_spread(values: list[float]) -> float:
    """Standard deviation of the noise from step to step, blind to slow drifts.

    Differences of independent values have twice their variance. 0 for fewer than two values.
    """
    if len(values) < 2:
        return 0.0
    steps = list(map(sub, values[1:], values))
    return sqrt(sum([step * step for step in steps]) / (2 * len(steps)))
