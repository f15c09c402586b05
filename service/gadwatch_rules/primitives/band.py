from collections.abc import Mapping
from math import inf, sqrt
from typing import ClassVar

from gadwatch_rules.batch import correlation_error, pairs_of
from gadwatch_rules.catalogue import PAIRS
from gadwatch_rules.primitives.base import Rule, View, limit
from gadwatch_rules.results import OK, Result, Status
from gadwatch_rules.stretch import Stretch
from gadwatch_rules.trend import trend
from gadwatch_rules.window import Window, middle_of, usual_spread

RISING_T = 2.5
"""A rise of block means counts while its slope is this many standard errors above 0."""

LONG = 32
"""Values of the long look, which tells a small shift from noise."""


class Band(Rule):
    """A level with zones: critical, warning, ok, warning, critical.

    1. The median of the newest ``smooth`` values inside the ok zone is ok.
    2. Beyond a bound by the margin it is bad. The margin is ``margin`` (absolute) or
       ``relative_margin`` (of the bound), and never less than what noise alone does to such
       a median (``noise`` standard errors).
    3. Short of that the mean of the newest 32 values is asked in the same way: it sees a
       small shift that a median of eight cannot tell from noise.
    4. A firing rule recovers when the median, or short of a clear excess the mean, is back
       inside the bound itself, without a margin, so that a level near it cannot flap.

    The high side is pending only for the first ``silent_steps``. With the option ``learning``
    the low side is pending during the grace of the warm-up and, up to half the warm-up, while
    the metric still rises; short of the critical bound, where a critic has moved already, while
    it does not fall. With ``settling`` the high side is pending up to half the warm-up while it
    does not grow: a habit of the young critic, not a fault that has come.
    ``prefer`` names a better variant of the metric, judged where it is logged; ``absolute``
    judges the value without its sign; ``averaged`` judges the mean in place of the median, for a
    bounded metric that swings around a level. ``correlation`` says that the metric is Pearson's
    r over ``critic/pairs`` pairs: its noise is at least the standard error of such an r.
    """

    kind = "band"
    DEFAULTS: ClassVar[Mapping[str, float]] = {
        "critical_low": -inf,
        "ok_low": -inf,
        "ok_high": inf,
        "critical_high": inf,
        "margin": 0.0,
        "relative_margin": 0.0,
        "noise": 3.0,
        "smooth": 8,
        "silent_steps": 20,
        "grace_steps": 50,
        "grace_share": 0.25,
        "rising_share": 0.5,
    }
    COUNTS: ClassVar[Mapping[str, int]] = {"smooth": 1}
    OPTIONS = frozenset({"learning", "settling", "absolute", "averaged", "correlation", "prefer"})

    low: float
    inner_low: float
    high: float
    smooth: int
    long: int
    learning: bool
    settling: bool
    absolute: bool
    averaged: bool
    correlation: bool
    prefer: str | None

    def prepare(self) -> None:
        """Read the thresholds that every step needs."""
        limits = self.thresholds
        if not limits["critical_low"] <= limits["ok_low"] < limits["ok_high"]:
            raise ValueError("expected critical_low <= ok_low < ok_high")
        if limits["critical_high"] < limits["ok_high"] < inf:
            raise ValueError("expected ok_high <= critical_high")
        if limits["ok_low"] == -inf and limits["ok_high"] == inf:
            raise ValueError("expected ok_low, ok_high or both")
        self.set("low", limits["ok_low"])
        self.set("high", limits["ok_high"])
        self.set("smooth", int(limits["smooth"]))
        self.set("long", max(LONG, self.smooth))
        self.set("learning", bool(self.options.get("learning")))
        self.set("settling", bool(self.options.get("settling")))
        self.set("absolute", bool(self.options.get("absolute")))
        self.set("averaged", bool(self.options.get("averaged")))
        self.set("correlation", bool(self.options.get("correlation")))
        self.set("inner_low", -self.high if self.absolute else self.low)
        self.set("prefer", self.options.get("prefer"))

    @property
    def window(self) -> int:
        """The long look; the way of a young critic needs fifty values."""
        return max(50, self.long) if self.learning or self.settling else self.long

    @property
    def inputs(self) -> tuple[str, ...]:
        """Its metric, the better variant of it, the pairs behind a correlation."""
        better = () if self.prefer is None else (self.prefer,)
        return (self.metric, *better, PAIRS) if self.correlation else (self.metric, *better)

    def judge(self, view: View, firing: bool) -> Result | None:
        """Judge the smoothed level."""
        window = view.windows[self.metric]
        if self.prefer is not None and view.windows[self.prefer].seen:
            window = view.windows[self.prefer]
            if window.seen != view.position:
                return None
        pairs = pairs_of(view.windows) if self.correlation else 0.0
        found = self._excess(window.values, pairs, firing)
        return OK if found is None else self._result(view, window, *found)

    def quiet(self, stretch: Stretch) -> bool:
        """Whether the level is ok at every step, were each batch the largest one."""
        metric = self.metric
        if self.prefer is not None and stretch.ever_seen(self.prefer):
            metric = self.prefer
            if stretch.lacks(metric):
                return True
            if not stretch.comes(metric) and not stretch.windows[metric].seen:
                return False
        values = stretch.since(metric, self.smooth - 1)
        if self.inner_low <= min(values) and max(values) <= self.high:
            return True
        most = stretch.pairs()[1] if self.correlation else 0.0
        return all(
            self._excess(tail, most, firing=False) is None
            for tail in stretch.tails(metric, self.long)
        )

    def _excess(
        self, values: list[float], pairs: float, firing: bool
    ) -> tuple[float, float] | None:
        """What lies outside behind the newest values, and the noise allowed for; None for ok."""
        recent = sorted(values[-self.smooth :])
        if self.inner_low <= recent[0] and recent[-1] <= self.high:
            # All values inside: so is their median. The usual case, and the cheap one.
            return None
        value = sum(recent) / len(recent) if self.averaged else middle_of(recent)
        if self.absolute:
            value = abs(value)
        if self.low <= value <= self.high:
            return None
        values = values[-self.long :]
        mean = sum(values) / len(values)
        if self.absolute:
            mean = abs(mean)
        if not firing and not self._beyond(value, 0.0) and not self._beyond(mean, 0.0):
            return None
        # A median is 1.25 times as noisy as a mean.
        spread = usual_spread(values)
        if self.correlation:
            spread = max(spread, correlation_error(pairs))
        noise = self.thresholds["noise"] * spread
        slack = 1.25 * noise / sqrt(min(self.smooth, len(values)))
        clear = self._beyond(value, slack)
        if firing:
            return None if not clear and self.low <= mean <= self.high else (value, slack)
        if not clear:
            value, slack = mean, noise / sqrt(len(values))
        return (value, slack) if self._beyond(value, slack) else None

    def _beyond(self, value: float, slack: float) -> bool:
        return value < self.low - self._margin(self.low, slack) or (
            value > self.high + self._margin(self.high, slack)
        )

    def _margin(self, bound: float, slack: float) -> float:
        limits = self.thresholds
        return max(limits["margin"], limits["relative_margin"] * abs(bound), slack)

    def _result(self, view: View, window: Window, value: float, slack: float) -> Result:
        limits = self.thresholds
        if value < self.low:
            bound = limits["critical_low"]
            critical = bound > -inf and value < bound - self._margin(bound, slack)
            return Result(
                Status.CRITICAL if critical else Status.WARNING,
                "below",
                value,
                limit(">=", bound if critical else self.low),
                learning=self.learning
                and self._still_learning(view, window, RISING_T if critical else -RISING_T),
            )
        bound = limits["critical_high"]
        sign = -1 if self.absolute and sum(window.values[-self.long :]) < 0 else 1
        critical = bound < inf and value > bound + self._margin(bound, slack)
        return Result(
            Status.CRITICAL if critical else Status.WARNING,
            "too_far" if self.absolute else "above",
            value,
            limit("<=", bound if critical else self.high),
            learning=view.age <= limits["silent_steps"]
            or (self.settling and self._still_learning(view, window, -RISING_T, away=sign)),
        )

    def _still_learning(self, view: View, window: Window, least_t: float, away: int = -1) -> bool:
        limits = self.thresholds
        if view.age <= max(limits["grace_steps"], limits["grace_share"] * view.warmup_steps):
            return True
        if view.age > limits["rising_share"] * view.warmup_steps or len(window.values) < 20:
            return False
        return -away * window.remembered("trend", 50, trend).t > least_t
