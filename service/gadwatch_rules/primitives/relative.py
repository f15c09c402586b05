"""Rules that compare a metric with its own past."""

from collections.abc import Mapping
from math import inf
from typing import ClassVar

from gadwatch_rules.primitives.base import Rule, View, limit
from gadwatch_rules.results import OK, UNKNOWN, Result, Status
from gadwatch_rules.stretch import Stretch
from gadwatch_rules.window import Window, median


class Relative(Rule):
    """The level as a multiple of what it was.

    ``against`` is ``start`` (the median of the segment's first ``reference`` values) or
    ``past`` (the median of ``reference`` values, the newest of them ``lag`` values ago). The
    level is the median of the newest ``smooth`` values. Bad outside ``ok_low`` … ``ok_high``
    times the reference, critical outside ``critical_low`` … ``critical_high``. Levels that
    differ by less than ``least`` are the same. The first ``settle`` steps are not judged.
    """

    kind = "relative"
    DEFAULTS: ClassVar[Mapping[str, float]] = {
        "critical_low": 0.0,
        "ok_low": 0.0,
        "ok_high": inf,
        "critical_high": inf,
        "reference": 20,
        "lag": 8,
        "smooth": 3,
        "least": 0.0,
        "settle": 0,
    }
    COUNTS: ClassVar[Mapping[str, int]] = {"reference": 1, "lag": 1, "smooth": 1}
    OPTIONS = frozenset({"against"})
    against_start: bool
    back: int
    """Values up to the oldest one of the past."""

    def prepare(self) -> None:
        """Read what it is compared with."""
        self.set("back", int(self.thresholds["reference"] + self.thresholds["lag"]))
        against = self.options.get("against", "start")
        if against not in ("start", "past"):
            raise ValueError(f'against is {against!r}, expected "start" or "past"')
        self.set("against_start", against == "start")

    @property
    def window(self) -> int:
        """The newest values, and the past ones behind them."""
        limits = self.thresholds
        if self.against_start:
            return int(limits["smooth"])
        return max(self.back, int(limits["smooth"]))

    @property
    def start_window(self) -> int:
        """The first values, where they are the reference."""
        return int(self.thresholds["reference"]) if self.against_start else 0

    def _reference(self, window: Window) -> list[float]:
        if self.against_start:
            return window.start if window.count > len(window.start) else []
        lag = int(self.thresholds["lag"])
        return window.values[-self.back : -lag]

    def judge(self, view: View, firing: bool) -> Result | None:  # noqa: ARG002 - as all rules
        """Judge the newest level."""
        window = view.windows[self.metric]
        limits = self.thresholds
        reference = self._reference(window)
        if len(reference) < limits["reference"] or view.position <= limits["settle"]:
            return UNKNOWN
        past = median(reference)
        level = median(window.values[-int(limits["smooth"]) :])
        if past <= 0 or abs(level - past) <= limits["least"]:
            return OK
        times = level / past
        if limits["ok_low"] <= times <= limits["ok_high"]:
            return OK
        facts = {"times": times, "past": past}
        if times < limits["ok_low"]:
            critical = times < limits["critical_low"]
            bound = limits["critical_low" if critical else "ok_low"]
            return Result(
                Status.CRITICAL if critical else Status.WARNING,
                "shrank",
                level,
                limit(">=", bound * past),
                facts=facts,
            )
        critical = times > limits["critical_high"]
        bound = limits["critical_high" if critical else "ok_high"]
        return Result(
            Status.CRITICAL if critical else Status.WARNING,
            "grew",
            level,
            limit("<=", bound * past),
            facts=facts,
        )

    def quiet(self, stretch: Stretch) -> bool:
        """Whether even the extreme values stand in an ok relation to the reference's extremes."""
        limits = self.thresholds
        recent = stretch.since(self.metric, int(limits["smooth"]) - 1)
        if self.against_start:
            window = stretch.windows[self.metric]
            if len(window.start) < window.start_size:
                return False
            past = [median(window.start)]
        else:
            past = stretch.since(self.metric, self.back - 1)
        least, most = min(recent), max(recent)
        lowest, highest = min(past), max(past)
        if max(most - lowest, highest - least) <= limits["least"]:
            return True
        if lowest <= 0 or least < 0:
            return False
        return limits["ok_low"] <= least / highest and most / lowest <= limits["ok_high"]


class Spike(Rule):
    """Single values far above the metric's own usual level, where no absolute bound holds.

    The usual level is the median of the newest ``reference`` values. One value above
    ``times`` it is a warning at once; ``spikes`` among the newest ``spike_window`` are
    critical at once, and so is one above ``burst`` times it. Nothing below ``least`` counts.
    """

    kind = "spike"
    DEFAULTS: ClassVar[Mapping[str, float]] = {
        "times": 10.0,
        "burst": 1000.0,
        "spikes": 3,
        "spike_window": 10,
        "reference": 50,
        "reference_least": 20,
        "least": 0.0,
    }
    COUNTS: ClassVar[Mapping[str, int]] = {
        "spikes": 1,
        "spike_window": 1,
        "reference": 1,
        "reference_least": 1,
    }

    @property
    def window(self) -> int:
        """The reference."""
        return int(self.thresholds["reference"])

    def judge(self, view: View, firing: bool) -> Result | None:
        """Judge the newest value."""
        window = view.windows[self.metric]
        limits = self.thresholds
        values = window.values[-self.window :]
        if len(values) < limits["reference_least"]:
            return UNKNOWN
        value = values[-1]
        # A value below the window's mean is no spike; the median need not be asked.
        if not firing and value * len(values) < sum(values):
            return OK
        usual = median(values)
        if not self._spikes(value, usual):
            return OK
        bound = limits["times"] * usual
        facts = {"times": value / usual, "past": usual}
        if value > limits["burst"] * usual:
            top = limit("<=", limits["burst"] * usual)
            return Result(
                Status.CRITICAL, "burst", value, top, at_once=Status.CRITICAL, facts=facts
            )
        recent = values[-int(limits["spike_window"]) :]
        count = sum(one > bound for one in recent)
        if count >= limits["spikes"]:
            return Result(
                Status.CRITICAL,
                "sustained",
                value,
                limit("<=", bound),
                at_once=Status.CRITICAL,
                facts={**facts, "count": count, "among": len(recent)},
            )
        return Result(
            Status.WARNING, "spike", value, limit("<=", bound), at_once=Status.WARNING, facts=facts
        )

    def quiet(self, stretch: Stretch) -> bool:
        """Whether no value spikes; the median is asked only where the smallest one lets doubt."""
        tails = stretch.tails(self.metric, self.window)
        smallest = min(stretch.since(self.metric, self.window - 1))
        return not any(
            self._spikes(tail[-1], median(tail))
            for tail in tails
            if smallest <= 0 or self._spikes(tail[-1], smallest)
        )

    def _spikes(self, value: float, usual: float) -> bool:
        limits = self.thresholds
        return usual > 0 and value > limits["times"] * usual and value > limits["least"]
