"""What a figure is made from."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from gadwatch_dashboards.palette import Theme

Axis = Literal["step", "relative", "wall"]


@dataclass(frozen=True)
class Series:
    """One metric's points in step order; ``values`` keep NaN and infinities where they were.

    ``times`` (unix seconds) stand beside the steps where they are known; ``started`` is
    the time that the axis of relative time calls 0 (the first point's unless given).
    """

    metric: str
    steps: Sequence[int]
    values: Sequence[float]
    times: Sequence[float] = ()
    label: str = ""
    colour: str = ""
    dash: str = "solid"
    started: float | None = None

    @property
    def name(self) -> str:
        """What the legend calls the series."""
        return self.label or self.metric

    def finite(self) -> list[float]:
        """The finite values alone."""
        return [value for value in self.values if math.isfinite(value)]


@dataclass(frozen=True)
class Zone:
    """The bounds that a metric's rules draw; an absent bound is open."""

    ok_low: float | None = None
    ok_high: float | None = None
    critical_low: float | None = None
    critical_high: float | None = None
    label: str = ""


@dataclass(frozen=True)
class Mark:
    """A finding's place on the step axis; ``target`` is the page's element that tells more."""

    first_step: int
    last_step: int
    severity: str
    label: str
    target: str = ""


@dataclass(frozen=True)
class Line:
    """A named horizontal reference, such as ln 2 for a loss at chance."""

    value: float
    label: str


@dataclass(frozen=True)
class Corridor:
    """An expected path: ``(step, low, high)`` at its corners, drawn and never judged."""

    corners: Sequence[tuple[float, float, float]]
    label: str


@dataclass(frozen=True)
class View:
    """How the reader wants to see it; every field is part of the page's address."""

    axis: Axis = "step"
    smooth: float = 0.0
    log: bool = False
    robust: bool = False
    first: int | None = None
    last: int | None = None
    theme: Theme = "light"


@dataclass(frozen=True)
class Content:
    """All that one figure shows; without ``legend`` the page names the curves once for all."""

    title: str
    series: Sequence[Series]
    zone: Zone = field(default_factory=Zone)
    marks: Sequence[Mark] = ()
    lines: Sequence[Line] = ()
    corridor: Corridor | None = None
    unit: str = ""
    legend: bool = True
