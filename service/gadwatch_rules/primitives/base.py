"""What every rule has in common."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import ClassVar, Protocol

from gadwatch_rules.hold import Hold
from gadwatch_rules.results import Result
from gadwatch_rules.stretch import Stretch
from gadwatch_rules.window import Window

MOST_VALUES = 1000
"""So many values of a metric are remembered at most, for any rule."""


class View(Protocol):
    """What a rule may look at when it judges a step.

    ``position`` counts observed steps of the segment from 1; ``age`` counts training steps
    since its start (the first has age 1), so that gaps in the log do not stretch a grace.
    """

    @property
    def windows(self) -> Mapping[str, Window]:
        """Every watched metric's recent values."""

    @property
    def open_values(self) -> Mapping[str, float]:
        """The newest step's canonical values, non-finite ones and derived ones among them."""

    @property
    def position(self) -> int:
        """Observed steps of the segment."""

    @property
    def age(self) -> int:
        """Training steps of the segment."""

    @property
    def warmup_steps(self) -> int:
        """Planned length of the warm-up."""

    @property
    def logged(self) -> AbstractSet[str]:
        """The metrics that this run has logged itself, up to the step before."""


@dataclass(frozen=True)
class Rule:
    """A rule of a pack with its thresholds set.

    Subclasses name their thresholds with defaults in ``DEFAULTS``; a pack may set each of
    them and an override may change each of them.
    """

    kind: ClassVar[str] = ""
    DEFAULTS: ClassVar[Mapping[str, float]] = {}
    OPTIONS: ClassVar[frozenset[str]] = frozenset()
    """Keys besides thresholds that this kind understands."""
    COUNTS: ClassVar[Mapping[str, int]] = {}
    """Thresholds that count values: whole numbers from this one up to :data:`MOST_VALUES`."""

    id: str
    metric: str
    thresholds: Mapping[str, float]
    hold: Hold
    options: Mapping[str, object]

    def __post_init__(self) -> None:
        for name, least in self.COUNTS.items():
            value = self.thresholds[name]
            if not least <= value <= MOST_VALUES or value % 1:
                raise ValueError(
                    f"{name} is {value:g}, expected a whole number from {least} to {MOST_VALUES}"
                )
        self.prepare()

    def prepare(self) -> None:
        """Subclasses work out what does not change from step to step."""

    def set(self, name: str, value: object) -> None:
        """Keep a prepared value on this frozen rule."""
        object.__setattr__(self, name, value)

    @property
    def extra_facts(self) -> dict[str, str]:
        """What every finding of this rule tells besides: the title of a user's rule."""
        title = self.options.get("title")
        return {"title": str(title)} if title else {}

    @property
    def inputs(self) -> tuple[str, ...]:
        """The metrics it reads."""
        return (self.metric,)

    @property
    def trigger(self) -> str:
        """The metric whose finite values it judges as they come."""
        return self.metric

    @property
    def window(self) -> int:
        """How many recent values of its inputs it reads; 0 for none."""
        return 8

    @property
    def start_window(self) -> int:
        """How many first values of the segment it reads."""
        return 0

    def judge(self, view: View, firing: bool) -> Result | None:
        """Judge a step that brought a finite value of ``trigger``; None when it cannot."""
        raise NotImplementedError

    def quiet(self, stretch: Stretch) -> bool:  # noqa: ARG002 - as all rules
        """Whether :meth:`judge` would have nothing to say at any step of a stretch.

        Asked while nothing is pending or firing. False also where that cannot be told at less
        cost than judging: then the steps are judged one by one.
        """
        return False


def limit(sign: str, bound: float) -> str:
    """A bound as assessments write it: ``<= 10``."""
    return f"{sign} {bound:g}"
