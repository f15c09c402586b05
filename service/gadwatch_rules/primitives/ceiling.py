from collections.abc import Mapping
from typing import ClassVar

from gadwatch_rules.primitives.base import Rule, View, limit
from gadwatch_rules.results import OK, Result, Status
from gadwatch_rules.stretch import Stretch
from gadwatch_rules.window import median


class Ceiling(Rule):
    """A level that single steps may leave: isolated spikes against a sustained explosion.

    - a median above ``ok_high`` is a warning, with the rule's hold;
    - one value above ``spike`` is a warning at once: it often recovers by itself;
    - ``spikes`` such values among the newest ``spike_window`` are critical at once;
    - one value above ``burst`` is critical at once.
    """

    kind = "ceiling"
    DEFAULTS: ClassVar[Mapping[str, float]] = {
        "ok_high": 5.0,
        "spike": 10.0,
        "spikes": 3,
        "spike_window": 10,
        "burst": 100.0,
        "relative_margin": 0.05,
        "smooth": 8,
    }
    COUNTS: ClassVar[Mapping[str, int]] = {"spikes": 1, "spike_window": 1, "smooth": 1}

    @property
    def window(self) -> int:
        """The window in which spikes are counted."""
        return int(max(self.thresholds["spike_window"], self.thresholds["smooth"]))

    def judge(self, view: View, firing: bool) -> Result | None:
        """Judge the newest value and the level behind it."""
        window = view.windows[self.metric]
        limits = self.thresholds
        value = window.values[-1]
        if value > limits["spike"]:
            return self._spike(window.values, value)
        ok_high = limits["ok_high"]
        recent = window.values[-int(limits["smooth"]) :]
        if not firing and max(recent) <= ok_high:
            return OK
        level = median(recent)
        bound = ok_high if firing else self._bound
        if level <= bound:
            return OK
        return Result(Status.WARNING, "above", level, limit("<=", ok_high))

    def quiet(self, stretch: Stretch) -> bool:
        """Whether no value is a spike and no median above the bound."""
        smooth = int(self.thresholds["smooth"])
        if max(stretch.columns[self.metric]) > self.thresholds["spike"]:
            return False
        if max(stretch.since(self.metric, smooth - 1)) <= self._bound:
            return True
        return all(median(tail) <= self._bound for tail in stretch.tails(self.metric, smooth))

    @property
    def _bound(self) -> float:
        return self.thresholds["ok_high"] * (1 + self.thresholds["relative_margin"])

    def _spike(self, values: list[float], value: float) -> Result:
        limits = self.thresholds
        spike = limits["spike"]
        if value > limits["burst"]:
            return Result(
                Status.CRITICAL,
                "burst",
                value,
                limit("<=", limits["burst"]),
                at_once=Status.CRITICAL,
            )
        recent = values[-int(limits["spike_window"]) :]
        count = sum(one > spike for one in recent)
        if count >= limits["spikes"]:
            return Result(
                Status.CRITICAL,
                "sustained",
                value,
                limit("<=", spike),
                at_once=Status.CRITICAL,
                facts={"count": count, "among": len(recent)},
            )
        return Result(Status.WARNING, "spike", value, limit("<=", spike), at_once=Status.WARNING)
