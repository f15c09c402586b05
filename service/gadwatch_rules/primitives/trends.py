from collections.abc import Mapping
from math import inf
from typing import ClassVar

from gadwatch_rules.primitives.base import Rule, View, limit
from gadwatch_rules.results import OK, UNKNOWN, Result, Status
from gadwatch_rules.stretch import Stretch
from gadwatch_rules.trend import Trend, trend
from gadwatch_rules.window import BLOCK


class TrendRule(Rule):
    """A metric that goes the wrong way over the newest 50 values.

    ``direction`` is the bad one, ``up`` or ``down``. Bad is a slope of block means beyond
    ``t`` standard errors whose change over the window is at least ``change`` plus
    ``relative_change`` of the level: significant and large enough to matter.
    """

    kind = "trend"
    DEFAULTS: ClassVar[Mapping[str, float]] = {
        "t": 4.0,
        "change": 0.0,
        "relative_change": 0.0,
    }
    OPTIONS = frozenset({"direction"})
    sign: int

    def prepare(self) -> None:
        """Read the direction."""
        direction = self.options.get("direction")
        if direction not in ("up", "down"):
            raise ValueError(f'direction is {direction!r}, expected "up" or "down"')
        self.set("sign", 1 if direction == "up" else -1)

    @property
    def window(self) -> int:
        """Ten blocks."""
        return 50

    def judge(self, view: View, firing: bool) -> Result | None:  # noqa: ARG002 - as all rules
        """Judge the newest block."""
        window = view.windows[self.metric]
        if window.count % BLOCK:
            return None
        if len(window.values) < 50:
            return UNKNOWN
        return self._judged(window.remembered("trend", 50, trend))

    def quiet(self, stretch: Stretch) -> bool:
        """Whether no block goes the wrong way."""
        trends = stretch.blocks(self.metric, "trend", 50, trend)
        return trends is not None and all(self._judged(one) is OK for one in trends)

    def _judged(self, found: Trend) -> Result:
        limits = self.thresholds
        change, t = self.sign * found.change, self.sign * found.t
        needed = limits["change"] + limits["relative_change"] * abs(found.level)
        if t < limits["t"] or change < needed:
            return OK
        return Result(
            Status.WARNING,
            "rises" if self.sign > 0 else "falls",
            found.change,
            limit("<=", needed) if self.sign > 0 else limit(">=", -needed),
            facts={"steps": 50, "level": found.level},
        )


class Plateau(Rule):
    """All its metrics are level: nothing is learned any more, for better or worse.

    Level means that over the newest ``steps`` values the change of block means is within
    ``change`` plus ``relative_change`` of the level. Not good or bad by itself.
    """

    kind = "plateau"
    DEFAULTS: ClassVar[Mapping[str, float]] = {
        "steps": 100,
        "change": 0.05,
        "relative_change": 0.05,
        "at_most": inf,
    }
    COUNTS: ClassVar[Mapping[str, int]] = {"steps": 10}
    OPTIONS = frozenset({"together"})

    @property
    def inputs(self) -> tuple[str, ...]:
        """Its metric and those that must be level together with it."""
        together = self.options.get("together", ())
        assert isinstance(together, list | tuple)
        return (self.metric, *map(str, together))

    @property
    def window(self) -> int:
        """As long as it must be level."""
        return int(self.thresholds["steps"])

    def judge(self, view: View, firing: bool) -> Result | None:  # noqa: ARG002 - as all rules
        """Judge the newest block."""
        first = view.windows[self.metric]
        if first.count % BLOCK:
            return None
        steps = self.window
        limits = self.thresholds
        level = 0.0
        for name in self.inputs:
            window = view.windows[name]
            if len(window.values) < steps:
                return UNKNOWN
            found = window.remembered(f"trend{steps}", steps, trend)
            if not self._level(found):
                return OK
            if window is first:
                level = found.level
        if level > limits["at_most"]:
            return OK
        return Result(Status.WARNING, "level", level, "", facts={"steps": steps})

    def quiet(self, stretch: Stretch) -> bool:
        """Whether some metric is level at no block, or has too few values to tell."""
        steps, most = self.window, self.thresholds["at_most"]
        for name in self.inputs:
            if stretch.before(name) + len(stretch.columns.get(name, ())) < steps:
                return True
            trends = stretch.blocks(name, f"trend{steps}", steps, trend)
            if trends is None:
                continue
            if not any(map(self._level, trends)):
                return True
            if name == self.metric and all(one.level > most for one in trends):
                return True
        return False

    def _level(self, found: Trend) -> bool:
        limits = self.thresholds
        allowed = limits["change"] + limits["relative_change"] * abs(found.level)
        return abs(found.change) <= allowed
