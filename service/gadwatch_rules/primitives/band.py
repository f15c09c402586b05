from collections.abc import Mapping
from math import inf
from typing import ClassVar

from gadwatch_rules.primitives.base import Rule, View, limit
from gadwatch_rules.results import OK, Result, Status
from gadwatch_rules.trend import trend
from gadwatch_rules.window import Window, median

RISING_T = 2.5
"""A rise of block means counts while its slope is this many standard errors above 0."""


class Band(Rule):
    """A level with zones: critical, warning, ok, warning, critical.

    Judges the median of the newest ``smooth`` values. A quiet rule fires beyond a bound by
    ``margin`` (absolute) or ``relative_margin`` (of the bound); a firing one recovers at the
    bound itself, so that a level on the bound cannot flap.

    With the option ``learning`` the low side is pending during the grace of the warm-up and,
    up to half the warm-up, while the metric still rises; the high side is silent for
    ``silent_steps``.
    """

    kind = "band"
    DEFAULTS: ClassVar[Mapping[str, float]] = {
        "critical_low": -inf,
        "ok_low": -inf,
        "ok_high": inf,
        "critical_high": inf,
        "margin": 0.0,
        "relative_margin": 0.0,
        "smooth": 8,
        "silent_steps": 20,
        "grace_steps": 50,
        "grace_share": 0.25,
        "rising_share": 0.5,
    }
    OPTIONS = frozenset({"learning", "absolute", "prefer"})

    def prepare(self) -> None:
        """Work out the bounds once."""
        limits = self.thresholds
        slack = limits["margin"]
        share = limits["relative_margin"]

        def outer(bound: float, sign: int) -> float:
            return bound + sign * (slack + share * abs(bound)) if abs(bound) < inf else bound

        self.set("low", limits["ok_low"])
        self.set("high", limits["ok_high"])
        self.set("fire_low", outer(limits["ok_low"], -1))
        self.set("fire_high", outer(limits["ok_high"], 1))
        self.set("critical_low", outer(limits["critical_low"], -1))
        self.set("critical_high", outer(limits["critical_high"], 1))
        self.set("smooth", int(limits["smooth"]))
        self.set("learning", bool(self.options.get("learning")))
        self.set("absolute", bool(self.options.get("absolute")))
        self.set("prefer", self.options.get("prefer"))

    low: float
    high: float
    fire_low: float
    fire_high: float
    critical_low: float
    critical_high: float
    smooth: int
    learning: bool
    absolute: bool
    prefer: str | None

    @property
    def window(self) -> int:
        """Smoothing needs few values; the rise of a young critic needs fifty."""
        return 50 if self.learning else self.smooth

    @property
    def inputs(self) -> tuple[str, ...]:
        """Its metric, and the better variant of it where that is logged."""
        return (self.metric,) if self.prefer is None else (self.metric, self.prefer)

    def judge(self, view: View, firing: bool) -> Result | None:
        """Judge the smoothed level."""
        window = view.windows[self.metric]
        if self.prefer is not None:
            better = view.windows[self.prefer]
            if better.seen:
                window = better
        if window.seen != view.position or window.bad == window.seen:
            return None
        recent = window.values[-self.smooth :]
        value = median(recent)
        if self.absolute:
            value = abs(value)
        if firing:
            if self.low <= value <= self.high:
                return OK
        elif self.fire_low <= value <= self.fire_high:
            return OK
        if value < self.low:
            return self._below(view, window, value)
        if self.learning and view.age <= self.thresholds["silent_steps"]:
            return OK
        critical = value > self.critical_high
        return Result(
            Status.CRITICAL if critical else Status.WARNING,
            "above",
            value,
            limit("<=", self.thresholds["critical_high" if critical else "ok_high"]),
        )

    def _below(self, view: View, window: Window, value: float) -> Result:
        critical = value < self.critical_low
        return Result(
            Status.CRITICAL if critical else Status.WARNING,
            "below",
            value,
            limit(">=", self.thresholds["critical_low" if critical else "ok_low"]),
            learning=self.learning and self._still_learning(view, window),
        )

    def _still_learning(self, view: View, window: Window) -> bool:
        limits = self.thresholds
        if view.age <= max(limits["grace_steps"], limits["grace_share"] * view.warmup_steps):
            return True
        if view.age > limits["rising_share"] * view.warmup_steps or len(window.values) < 20:
            return False
        return trend(window.recent(50)).t > RISING_T
