from gadwatch_rules.primitives.base import Rule, View
from gadwatch_rules.results import OK, Result, Status


class Finite(Rule):
    """Every value is a number: one NaN or infinity is critical at once."""

    kind = "finite"

    def judge(self, view: View, firing: bool) -> Result | None:  # noqa: ARG002 - as all rules
        """Judge the newest value."""
        window = view.windows[self.metric]
        if window.seen != view.position:
            return None
        if window.bad != window.seen:
            return OK
        return Result(Status.CRITICAL, "not_finite", window.last, "finite", at_once=Status.CRITICAL)
