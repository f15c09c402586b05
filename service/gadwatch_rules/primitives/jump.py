from collections.abc import Mapping
from typing import ClassVar

from gadwatch_rules.primitives.base import Rule, View, limit
from gadwatch_rules.results import OK, Result, Status
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
        if rise <= self.thresholds["rise"]:
            return OK
        if rise <= self.thresholds["noise"] * step_spread(values[-16:-1]):
            return OK
        return Result(
            Status.WARNING,
            "jumps",
            values[-1],
            limit("<=", values[-2] + self.thresholds["rise"]),
            at_once=Status.WARNING,
            facts={"before": values[-2], "rise": rise},
        )
