"""The recent finite values of one metric. Everything a rule remembers of a series is here."""

from collections.abc import Callable, Iterable
from math import sqrt
from operator import sub
from typing import TypeVar

T = TypeVar("T")

BLOCK = 5
"""Steps of a block: trends and swings are judged when a block is full."""


class Window:
    """The last ``keep`` finite values of a metric, and when one was seen.

    Positions count observed steps of the segment from 1; 0 means never. A non-finite value
    never gets here.
    """

    __slots__ = (
        "count",
        "keep",
        "memo",
        "seen",
        "seen_before",
        "span_count",
        "span_known",
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
        self.span_known: tuple[list[float], float] = ([], 0.0)
        self.span_count = -1
        self.memo: dict[str, tuple[int, object]] = {}

    @property
    def last(self) -> float:
        """The newest finite value."""
        return self.values[-1]

    def push(self, value: float, position: int) -> None:
        """Take the finite value observed at ``position``."""
        self.seen_before = self.seen
        self.seen = position
        values = self.values
        values.append(value)
        self.count = count = self.count + 1
        if not count & 63:
            # Rarely, so that most steps pay nothing for the bound on memory.
            del values[: -self.keep - BLOCK]
        if count <= self.start_size:
            self.start.append(value)

    def extend(self, values: list[float], positions: list[int]) -> None:
        """Take finite values; ``positions`` are those of the newest two of them, or of the one."""
        missing = self.start_size - self.count
        if missing > 0:
            self.start += values[:missing]
        self.seen_before, self.seen = [self.seen, *positions][-2:]
        self.values = [*self.values, *values][-self.keep - BLOCK :]
        self.count += len(values)

    def copy(self) -> "Window":
        """Another window that holds the same."""
        other = Window(self.keep, self.start_size)
        other.values, other.start, other.memo = [*self.values], [*self.start], {**self.memo}
        other.count, other.seen, other.seen_before = self.count, self.seen, self.seen_before
        return other

    def undo(self) -> None:
        """Take back the newest push. Only one step can be taken back."""
        self.seen = self.seen_before
        self.values.pop()
        if self.count <= self.start_size:
            self.start.pop()
        self.count -= 1
        self.memo = {}
        self.span_count = -1

    def stored(self) -> list[float]:
        """The values that must outlive this process."""
        return self.values[-self.keep - BLOCK :]

    def span(self, size: int) -> tuple[list[float], float] | None:
        """The newest ``size`` values and their mean; None when there are not so many."""
        if self.span_count != self.count:
            if len(self.values) < size:
                return None
            recent = self.values[-size:]
            self.span_known = (recent, sum(recent) / size)
            self.span_count = self.count
        return self.span_known

    def in_blocks(self, size: int) -> list[float]:
        """The newest ``size`` values up to the end of the last full block.

        Just the newest ones while the full blocks do not hold as many.
        """
        end = len(self.values) - self.count % BLOCK
        return self.values[end - size : end] if end >= size else self.values[-size:]

    def since_block(self) -> list[float]:
        """The values after the last full block: four at most."""
        rest = self.count % BLOCK
        return self.values[-rest:] if rest else []

    def remembered(self, key: str, size: int, work: Callable[[list[float]], T]) -> T:
        """What ``work`` makes of ``in_blocks(size)``, worked out once a block."""
        known = self.memo.get(key)
        if known is None or self.count >= known[0]:
            rest = self.count % BLOCK
            # Before the blocks hold enough, every value changes the answer.
            enough = len(self.values) - rest >= size
            until = self.count - rest + BLOCK if enough else self.count + 1
            known = self.memo[key] = (until, work(self.in_blocks(size)))
        return known[1]  # type: ignore[return-value] # one key, one kind of work


def median(values: Iterable[float]) -> float:
    """The median of at least one value."""
    return middle_of(sorted(values))


def middle_of(ordered: list[float]) -> float:
    """The median of values in order."""
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


def usual_spread(values: list[float]) -> float:
    """As :func:`step_spread`, but blind to single spikes and jumps too: by the median."""
    if len(values) < 2:
        return 0.0
    # 1.4826 makes a median of absolute values a standard deviation, for Gaussian noise.
    return 1.4826 * median(map(abs, map(sub, values[1:], values))) / sqrt(2)
