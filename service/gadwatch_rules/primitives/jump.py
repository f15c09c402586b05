from collections.abc import Mapping
from operator import sub
from typing import ClassVar

from gadwatch_rules.primitives.base import Rule, View, limit
from gadwatch_rules.results import OK, Result, Status
from gadwatch_rules.stretch import Stretch
from gadwatch_rules.window import step_spread


class Jump(Rule):
    """A rise in a single step that learning does not make, announced at once.

    Bad is a rise above ``rise`` that is also ``noise`` times the usual spread from step to
    step (small batches jump by chance), after the segment's first value.
    """

    kind = "jump"
    DEFAULTS: ClassVar[Mapping[str, float]] = {"rise": 0.25, "noise": 5.0}

    @property
    def window(self) -> int:
        """Enough to know the usual spread."""
        return 16

    def judge(self, view: View, firing: bool) -> Result | None:  # noqa: ARG002 - as all rules
        """Judge the newest rise."""
        window = view.windows[self.metric]
        values = window.values
        if len(values) < 2:
            return None
        rise = values[-1] - values[-2]
        if rise <= self.thresholds["rise"] or self._is_noise(rise, values[-16:-1]):
            return OK
        return Result(
            Status.WARNING,
            "jumps",
            values[-1],
            limit("<=", values[-2] + self.thresholds["rise"]),
            at_once=Status.WARNING,
            facts={"before": values[-2], "rise": rise},
        )

    def quiet(self, stretch: Stretch) -> bool:
        """Whether no step rises so far, but for noise."""
        values, rise = stretch.since(self.metric, 1), self.thresholds["rise"]
        if max(map(sub, values[1:], values), default=0.0) <= rise:
            return True
        return all(
            tail[-1] - tail[-2] <= rise or self._is_noise(tail[-1] - tail[-2], tail[:-1])
            for tail in stretch.tails(self.metric, 16)
            if len(tail) > 1
        )

    def _is_noise(self, rise: float, before: list[float]) -> bool:
        return rise <= self.thresholds["noise"] * step_spread(before)
