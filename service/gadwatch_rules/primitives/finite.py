from math import isfinite

from gadwatch_rules.primitives.base import Rule, View
from gadwatch_rules.results import OK, Result, Status


class Finite(Rule):
    """Every value is a number: one NaN or infinity is critical at once."""

    kind = "finite"

    @property
    def window(self) -> int:
        """No history: broken values never enter a window."""
        return 0

    def judge(self, view: View, firing: bool) -> Result | None:  # noqa: ARG002 - as all rules
        """Judge the newest value."""
        value = view.open_values.get(self.metric)
        if value is None:
            return None
        if isfinite(value):
            return OK
        return Result(Status.CRITICAL, "not_finite", value, "finite", at_once=Status.CRITICAL)
