"""Rules that compare metrics of the same step."""

from collections.abc import Mapping
from math import exp, log1p, sqrt
from operator import sub, truediv
from typing import ClassVar

from gadwatch_rules import catalogue as m
from gadwatch_rules.primitives.base import Rule, View, limit
from gadwatch_rules.results import OK, Result, Status
from gadwatch_rules.stretch import Stretch
from gadwatch_rules.window import median, usual_spread

_NOISE = 32
"""Values that tell how noisy a metric is."""


class Identity(Rule):
    """The metric equals the sum of others (``terms``, with factors) at the same step.

    ``optional`` terms count 0 where they are not logged. The difference may be ``absolute``
    plus ``relative`` of the larger side.
    """

    kind = "identity"
    DEFAULTS: ClassVar[Mapping[str, float]] = {"absolute": 0.05, "relative": 0.05}
    OPTIONS = frozenset({"terms", "optional"})
    terms: tuple[tuple[str, float], ...]
    maybe: tuple[tuple[str, float], ...]
    absolute: float
    relative: float

    def prepare(self) -> None:
        """Read the terms, and the limits that every step needs."""
        self.set("absolute", self.thresholds["absolute"])
        self.set("relative", self.thresholds["relative"])
        self.set("terms", _terms(self.options.get("terms"), "terms"))
        self.set("maybe", _terms(self.options.get("optional", {}), "optional"))
        if not self.terms:
            raise ValueError('expected terms = { "METRIC" = FACTOR, … }')

    @property
    def window(self) -> int:
        """The newest values alone."""
        return 1

    @property
    def inputs(self) -> tuple[str, ...]:
        """Both sides."""
        return (self.metric, *(name for name, _ in (*self.terms, *self.maybe)))

    def judge(self, view: View, firing: bool) -> Result | None:  # noqa: ARG002 - as all rules
        """Judge when every part has come."""
        windows, position = view.windows, view.position
        left, right = windows[self.metric].values[-1], 0.0
        for name, factor in self.terms:
            window = windows[name]
            if window.seen != position:
                return None
            right += factor * window.values[-1]
        for name, factor in self.maybe:
            window = windows[name]
            if window.seen == position:
                right += factor * window.values[-1]
        if self._same(left, right):
            return OK
        apart = left - right
        return Result(Status.WARNING, "differs", left, limit("≈", right), facts={"apart": apart})

    def quiet(self, stretch: Stretch) -> bool:
        """Whether both sides agree at every step, or parts are missing throughout."""
        columns = stretch.columns
        if any(stretch.lacks(name) for name, _ in self.terms):
            return True
        if not all(stretch.comes(name) for name in self.inputs if name in columns):
            return False
        right = [0.0] * stretch.size
        for name, factor in (*self.terms, *self.maybe):
            if name in columns:
                right = [
                    total + factor * value
                    for total, value in zip(right, columns[name], strict=True)
                ]
        left = columns[self.metric]
        farthest = max(map(abs, map(sub, left, right)))
        if farthest <= self.absolute + self.relative * min(map(abs, left)):
            return True
        return all(map(self._same, left, right))

    def _same(self, left: float, right: float) -> bool:
        return abs(left - right) <= self.absolute + self.relative * max(abs(left), abs(right))


class Jensen(Rule):
    """The ranking loss is at least softplus(-score_diff / temperature), by convexity.

    A smaller one has another unit or temperature, or mixes two variants. Judged where the
    temperature is known; ``relative`` is the slack.
    """

    kind = "jensen"
    DEFAULTS: ClassVar[Mapping[str, float]] = {"absolute": 0.01, "relative": 0.05}

    @property
    def window(self) -> int:
        """The newest values alone."""
        return 1

    @property
    def inputs(self) -> tuple[str, ...]:
        """Loss, difference and temperature."""
        return (m.RANKING_LOSS, m.SCORE_DIFF, m.TEMPERATURE)

    def judge(self, view: View, firing: bool) -> Result | None:  # noqa: ARG002 - as all rules
        """Judge when every part has come."""
        windows, position = view.windows, view.position
        differences, temperatures = windows[m.SCORE_DIFF], windows[m.TEMPERATURE]
        if differences.seen != position or temperatures.seen != position:
            return None
        loss, difference = windows[m.RANKING_LOSS].values[-1], differences.values[-1]
        temperature = temperatures.values[-1]
        if temperature <= 0:
            return None
        least = softplus(-difference / temperature)
        if self._allows(loss, least):
            return OK
        return Result(
            Status.WARNING,
            "below_jensen",
            loss,
            limit(">=", least),
            facts={"score_diff": difference, "temperature": temperature},
        )

    def quiet(self, stretch: Stretch) -> bool:
        """Whether the loss is allowed at every step, or parts are missing throughout."""
        columns = stretch.columns
        if stretch.lacks(m.SCORE_DIFF) or stretch.lacks(m.TEMPERATURE):
            return True
        if not all(map(stretch.comes, self.inputs)) or min(columns[m.TEMPERATURE]) <= 0:
            return False
        ratios = map(truediv, columns[m.SCORE_DIFF], columns[m.TEMPERATURE])
        return all(
            self._allows(loss, softplus(-ratio))
            for loss, ratio in zip(columns[m.RANKING_LOSS], ratios, strict=True)
        )

    def _allows(self, loss: float, least: float) -> bool:
        limits = self.thresholds
        return loss >= least * (1 - limits["relative"]) - limits["absolute"]


class Gap(Rule):
    """How far a metric lies above another one, such as training above fresh data.

    Judged whenever the other one comes, against the smoothed metric. One measurement beyond
    ``critical`` is enough, for such probes come seldom and are large. Both bounds widen by
    what noise alone does to the smoothed metric (``noise`` standard errors).
    """

    kind = "gap"
    DEFAULTS: ClassVar[Mapping[str, float]] = {
        "ok": 0.15,
        "critical": 0.25,
        "smooth": 8,
        "noise": 3.0,
    }
    COUNTS: ClassVar[Mapping[str, int]] = {"smooth": 1}
    OPTIONS = frozenset({"other"})
    other: str

    def prepare(self) -> None:
        """Read the other metric."""
        other = self.options.get("other")
        if not other:
            raise ValueError('expected other = "METRIC"')
        self.set("other", m.canonical_name(str(other)))

    @property
    def trigger(self) -> str:
        """The other metric, which comes seldom."""
        return self.other

    @property
    def inputs(self) -> tuple[str, ...]:
        """Both metrics."""
        return (self.metric, self.other)

    @property
    def window(self) -> int:
        """Enough values to tell their noise, and those that are smoothed."""
        return max(_NOISE, int(self.thresholds["smooth"]))

    def judge(self, view: View, firing: bool) -> Result | None:  # noqa: ARG002 - as all rules
        """Judge when the other metric has come."""
        base, other = view.windows[self.metric], view.windows[self.other]
        if not base.values:
            return None
        limits = self.thresholds
        recent = base.values[-int(limits["smooth"]) :]
        level = median(recent)
        gap = level - other.last
        if gap <= limits["ok"]:
            return OK
        # A median is 1.25 times as noisy as a mean.
        noise = usual_spread(base.values[-_NOISE:]) / sqrt(len(recent))
        slack = 1.25 * limits["noise"] * noise
        if gap <= limits["ok"] + slack:
            return OK
        critical = gap > limits["critical"] + slack
        status = Status.CRITICAL if critical else Status.WARNING
        return Result(
            status,
            "gap",
            gap,
            limit("<=", limits["critical" if critical else "ok"]),
            at_once=Status.CRITICAL if critical else Status.OK,
            facts={"level": level, "other": other.last, "other_metric": self.other},
        )

    def quiet(self, stretch: Stretch) -> bool:
        """Whether the highest level of the metric lies near the lowest value of the other one."""
        if stretch.lacks(self.metric):
            return not stretch.ever_seen(self.metric)
        smooth = int(self.thresholds["smooth"])
        lowest, allowed = min(stretch.columns[self.other]), self.thresholds["ok"]
        # One value more, for the other one may come before the first of these. Subtracted as
        # when it is judged, for sums are rounded otherwise.
        if max(stretch.since(self.metric, smooth)) - lowest <= allowed:
            return True
        if not stretch.comes(self.metric):
            return False
        return all(median(tail) - lowest <= allowed for tail in stretch.tails(self.metric, smooth))


def softplus(x: float) -> float:
    """log(1 + exp(x)) without overflow."""
    return max(x, 0.0) + log1p(exp(-abs(x)))


def _terms(value: object, name: str) -> tuple[tuple[str, float], ...]:
    if not isinstance(value, Mapping) or not all(
        isinstance(factor, int | float) for factor in value.values()
    ):
        raise ValueError(f'expected {name} = {{ "METRIC" = FACTOR, … }}')
    return tuple((m.canonical_name(str(key)), float(factor)) for key, factor in value.items())
