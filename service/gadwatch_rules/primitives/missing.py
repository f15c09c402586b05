from collections.abc import Mapping
from typing import ClassVar

from gadwatch_rules.primitives.base import Rule, View, limit
from gadwatch_rules.results import OK, Result, Status
from gadwatch_rules.stretch import Stretch


class Missing(Rule):
    """A needed metric has not come for ``steps`` observed steps.

    With the option ``vanished`` only a metric that this run has logged before can be missing.
    """

    kind = "missing"
    DEFAULTS: ClassVar[Mapping[str, float]] = {"steps": 20}
    OPTIONS = frozenset({"vanished"})

    def prepare(self) -> None:
        """A metric that has just come is not missing."""
        if self.thresholds["steps"] < 1:
            raise ValueError("steps must be at least 1")

    @property
    def window(self) -> int:
        """No values: its absence is all that counts."""
        return 1

    def judge(self, view: View, firing: bool) -> Result | None:  # noqa: ARG002 - as all rules
        """Judge the time since the metric was seen."""
        window = view.windows[self.metric]
        absent = view.position - window.seen
        steps = self.thresholds["steps"]
        if absent < steps:
            return OK
        if self.options.get("vanished") and self.metric not in view.logged:
            return None
        reason = "vanished" if window.seen or self.metric in view.logged else "never_came"
        return Result(
            Status.WARNING,
            reason,
            None,
            limit("<", steps),
            at_once=Status.WARNING,
            facts={"steps": absent},
        )

    def quiet(self, stretch: Stretch) -> bool:
        """Whether the metric comes, need not come, or is not missed yet."""
        if not stretch.lacks(self.metric):
            return stretch.comes(self.metric)
        if self.options.get("vanished") and self.metric not in stretch.logged:
            return True
        absent = stretch.position + stretch.size - stretch.windows[self.metric].seen
        return absent < self.thresholds["steps"]
