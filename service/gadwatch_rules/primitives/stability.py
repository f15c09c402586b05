from collections.abc import Mapping
from typing import ClassVar

from gadwatch_rules.primitives.base import Rule, View, limit
from gadwatch_rules.results import OK, UNKNOWN, Result, Status
from gadwatch_rules.steadiness import swing
from gadwatch_rules.window import BLOCK


class Stability(Rule):
    """A level that must not swing, neither from step to step nor slowly.

    Judged once a block over the newest 50 values, all parts relative to their mean:

    - fast: the spread from step to step of the newest ten values lies above ``fast``, or is
      ``ratio`` times that of the values before and above ``fast_least``;
    - slow: the detour of block means a block (up and down beyond the net way) lies above
      ``slow``.

    Beyond ``fast_critical`` or ``slow_critical`` it swings violently.
    """

    kind = "stability"
    DEFAULTS: ClassVar[Mapping[str, float]] = {
        "fast": 0.30,
        "fast_critical": 0.60,
        "fast_least": 0.15,
        "ratio": 4.0,
        "slow": 0.15,
        "slow_critical": 0.30,
    }

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
        fast, before, slow = window.remembered("swing", 50, swing)
        limits = self.thresholds
        sudden = fast > limits["fast_least"] and fast > limits["ratio"] * before
        if fast > limits["fast"] or sudden:
            critical = fast > limits["fast_critical"]
            bound = limits["fast_critical" if critical else "fast"]
            if sudden and not critical:
                bound = min(bound, max(limits["fast_least"], limits["ratio"] * before))
            return Result(
                Status.CRITICAL if critical else Status.WARNING,
                "swings_fast",
                fast,
                limit("<=", bound),
                facts={"before": before},
            )
        if slow > limits["slow"]:
            critical = slow > limits["slow_critical"]
            bound = limits["slow_critical" if critical else "slow"]
            return Result(
                Status.CRITICAL if critical else Status.WARNING,
                "swings_slowly",
                slow,
                limit("<=", bound),
            )
        return OK
