from collections.abc import Mapping
from math import inf
from typing import ClassVar

from gadwatch_rules.primitives.base import Rule, View, limit
from gadwatch_rules.results import OK, Result, Status
from gadwatch_rules.stretch import Stretch


class Range(Rule):
    """Every single value lies between ``low`` and ``high``; outside is critical.

    No smoothing and no grace: the bounds are far from anything healthy. The rule's hold still
    asks for more than one value.
    """

    kind = "range"
    DEFAULTS: ClassVar[Mapping[str, float]] = {"low": -inf, "high": inf}

    @property
    def window(self) -> int:
        """The newest value alone."""
        return 1

    def judge(self, view: View, firing: bool) -> Result | None:  # noqa: ARG002 - as all rules
        """Judge the newest value."""
        window = view.windows[self.metric]
        value = window.values[-1]
        low, high = self.thresholds["low"], self.thresholds["high"]
        if low <= value <= high:
            return OK
        if value < low:
            return Result(Status.CRITICAL, "below", value, limit(">=", low))
        return Result(Status.CRITICAL, "above", value, limit("<=", high))

    def quiet(self, stretch: Stretch) -> bool:
        """Whether all values lie inside."""
        column = stretch.columns[self.metric]
        return self.thresholds["low"] <= min(column) and max(column) <= self.thresholds["high"]
