from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Step:
    """What one training step logged.

    Metric names may be canonical or aliases. ``time`` is unix seconds, or None when unknown.
    """

    step: int
    metrics: Mapping[str, float]
    time: float | None = None


@dataclass(slots=True)
class Table:
    """Many steps by column.

    ``columns`` holds each metric's values by canonical name, in the order of the steps: one a
    step, or fewer of a metric that some steps lack. Of those ``rare`` holds the places of the
    newest two steps that have it, the newest last.
    """

    steps: list[int]
    times: list[float | None]
    columns: dict[str, list[float]]
    rare: dict[str, list[int]]


class Steps(Sequence[Step]):
    """Steps that their owner keeps in another form, with canonical names.

    Most of them are looked at by column alone; a :class:`Step` is made when one is asked for.
    A slice is of this type too.
    """

    @abstractmethod
    def table(self) -> Table:
        """All of them by column."""
