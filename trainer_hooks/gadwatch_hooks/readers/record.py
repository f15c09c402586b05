from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Record:
    """The metrics of one step, as a log tells them."""

    step: int
    metrics: Mapping[str, float]
    """By the log's own names; NaN and infinities are values, an absent name was not logged."""
    time: float | None = None
    """Unix seconds, where the log says."""
    segment: int = 1
    """Counts the processes that wrote the log: one more at every step back."""
    lines: int = 1
    """How many entries of the log were merged into this step (validation, then training)."""


@dataclass(slots=True)
class Entry:
    """One entry of a log, before entries of one step are merged."""

    metrics: dict[str, float]
    step: int | None = None
    """None: the entry belongs to the newest step (a summary, a printed validation)."""
    time: float | None = None
    counts: bool = False
    """True where the log has no steps: the entry is the next one."""


@dataclass
class Segments:
    """Tells where one process' steps end and the next one's begin.

    A step smaller than the last one is a rewind; so is the same step again with other values
    for most of the metrics it already has (a second run whose first step is the first one's
    last).
    """

    segment: int = 1
    last_step: int | None = None
    seen: dict[str, float] = field(default_factory=dict)
    """The metrics of the newest step so far."""

    def place(self, entry: Entry) -> tuple[int, int]:
        """The segment and step of ``entry``."""
        step = entry.step
        if entry.counts:
            step = 1 if self.last_step is None else self.last_step + 1
        elif step is None:
            step = self.last_step if self.last_step is not None else 0
        if self.last_step is not None and (
            step < self.last_step or (step == self.last_step and self._contradicts(entry.metrics))
        ):
            self.segment += 1
            self.seen = {}
        if step == self.last_step:
            self.seen.update(entry.metrics)
        else:
            self.seen = dict(entry.metrics)
        self.last_step = step
        return self.segment, step

    def state(self) -> dict[str, Any]:
        """What a reader that is started again needs to go on."""
        return {"segment": self.segment, "last_step": self.last_step}

    def _contradicts(self, metrics: Mapping[str, float]) -> bool:
        shared = [name for name in metrics if name in self.seen]
        other = sum(not _agree(metrics[name], self.seen[name]) for name in shared)
        return bool(shared) and len(shared) > len(metrics) / 2 and other > len(shared) / 2


class Merger:
    """Entries in, records out: what shares a step is one record.

    A value that two entries give with different precision (verl prints three decimals) is
    kept with the more digits; otherwise the later one counts.
    """

    def __init__(self) -> None:
        self._segments = Segments()
        self._at: tuple[int, int] | None = None
        self._metrics: dict[str, float] = {}
        self._time: float | None = None
        self._lines = 0

    def add(self, entry: Entry) -> Record | None:
        """Take ``entry``; returns the record that it completes."""
        at = self._segments.place(entry)
        if at == self._at:
            for name, value in entry.metrics.items():
                self._metrics[name] = _finer(self._metrics.get(name), value)
            self._time = entry.time if entry.time is not None else self._time
            self._lines += 1
            return None
        complete = self.finish()
        self._at, self._metrics, self._time, self._lines = at, entry.metrics, entry.time, 1
        return complete

    def finish(self) -> Record | None:
        """The last record."""
        if self._at is None:
            return None
        (segment, step), self._at = self._at, None
        return Record(step, self._metrics, self._time, segment, self._lines)


def _agree(one: float, other: float) -> bool:
    """Whether two values are the same but for rounding to three decimals."""
    return one == other or repr(round(one, 3)) == repr(round(other, 3))


def _finer(before: float | None, now: float) -> float:
    if before is not None and _agree(before, now) and len(repr(before)) > len(repr(now)):
        return before
    return now


class LineParser:
    """Understands one line-based format; fed line by line, in order."""

    name = ""
    looks_for = ""
    """What it needs to find, for the error that it was not there."""

    def feed(self, line: str) -> list[Entry]:
        """The entries that ``line`` (without its end) completes."""
        raise NotImplementedError

    def finish(self) -> list[Entry]:
        """The entries that the end of the file completes."""
        return []

    def state(self) -> dict[str, Any]:
        """What must be kept to go on in the middle of a file (a header); JSON."""
        return {}

    def resume(self, state: dict[str, Any]) -> None:
        """Go on from :meth:`state`."""


ParserFactory = Callable[[], LineParser]
