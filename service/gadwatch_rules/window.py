"""The recent finite values of one metric. Everything a rule remembers of a series is here."""

from collections.abc import Iterable


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

    def push(self, value: float, position: int, finite: bool) -> None:
        """Take the value observed at ``position``; its caller knows whether it is finite."""
        self.seen_before, self.bad_before = self.seen, self.bad
        self.last_before = self.last
        self.seen = position
        self.last = value
        if not finite:
            self.bad = position
            return
        values = self.values
        if len(values) > 2 * self.keep + 16:
            del values[: -self.keep - 1]
        values.append(value)
        self.count += 1
        if len(self.start) < self.start_size:
            self.start.append(value)

    def undo(self) -> None:
        """Take back the newest push. Only one step can be taken back."""
        if self.bad != self.seen:
            self.values.pop()
            if self.count <= self.start_size:
                self.start.pop()
            self.count -= 1
        self.seen, self.bad = self.seen_before, self.bad_before
        self.last = self.last_before

    def recent(self, size: int) -> list[float]:
        """The newest ``size`` finite values, oldest first; fewer when there are not so many."""
        return self.values[-size:]

    def smooth(self, size: int = 8) -> float:
        """Median of the newest ``size`` values."""
        return median(self.values[-size:])


def median(values: Iterable[float]) -> float:
    """The median of at least one value."""
    ordered = sorted(values)
    size = len(ordered)
    middle = size // 2
    if size % 2:
        return ordered[middle]
    return 0.5 * (ordered[middle - 1] + ordered[middle])
