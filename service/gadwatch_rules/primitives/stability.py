from collections.abc import Mapping
from typing import ClassVar

from gadwatch_rules.batch import SLOW_SHARE, chance_swing, pairs_of
from gadwatch_rules.catalogue import PAIRS
from gadwatch_rules.primitives.base import Rule, View, limit
from gadwatch_rules.results import OK, UNKNOWN, Result, Status
from gadwatch_rules.steadiness import Swing, swing
from gadwatch_rules.stretch import Stretch
from gadwatch_rules.window import BLOCK


class Stability(Rule):
    """A level that must not swing, neither from step to step nor slowly.

    Judged once a block over the newest 50 values, all parts relative to their mean:

    - fast: the spread from step to step of the newest ten values lies above ``fast``, or is
      ``ratio`` times that of the values before and above ``fast_least``;
    - slow: the detour of block means a block (up and down beyond the net way) lies above
      ``slow``.

    Beyond ``fast_critical`` or ``slow_critical`` it swings violently. A small batch swings by
    chance: no bound lies below what ``critic/pairs`` pairs do by themselves (``chance`` times
    1/sqrt(pairs) fast, 0.45 of that slowly), and the violent ones widen in proportion.
    """

    kind = "stability"
    DEFAULTS: ClassVar[Mapping[str, float]] = {
        "fast": 0.30,
        "fast_critical": 0.60,
        "fast_least": 0.15,
        "ratio": 4.0,
        "slow": 0.15,
        "slow_critical": 0.30,
        "chance": 2.0,
    }

    def prepare(self) -> None:
        """Bounds are widened in proportion, which nothing is to 0."""
        if min(self.thresholds["fast"], self.thresholds["slow"]) <= 0:
            raise ValueError("fast and slow must be above 0")

    @property
    def inputs(self) -> tuple[str, ...]:
        """Its metric, and the pairs behind each value."""
        return (self.metric, PAIRS)

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
        return self._judged(window.remembered("swing", 50, swing), pairs_of(view.windows))

    def quiet(self, stretch: Stretch) -> bool:
        """Whether no block swings, were each of its batches the largest one."""
        swings = stretch.swings(self.metric)
        most = stretch.pairs()[1]
        return swings is not None and all(self._judged(one, most) is OK for one in swings)

    def _judged(self, found: Swing, pairs: float) -> Result:
        fast, before, slow = found
        limits = self.thresholds
        chance = chance_swing(pairs, limits["chance"])
        wide = max(1.0, chance / limits["fast"])
        least = max(limits["fast_least"], chance, limits["ratio"] * before)
        if fast > min(limits["fast"] * wide, least):
            critical = fast > limits["fast_critical"] * wide
            bound = wide * limits["fast_critical" if critical else "fast"]
            if not critical:
                bound = min(bound, least)
            return Result(
                Status.CRITICAL if critical else Status.WARNING,
                "swings_fast",
                fast,
                limit("<=", bound),
                facts={"before": before},
            )
        wide = max(1.0, SLOW_SHARE * chance / limits["slow"])
        if slow > limits["slow"] * wide:
            critical = slow > limits["slow_critical"] * wide
            bound = wide * limits["slow_critical" if critical else "slow"]
            return Result(
                Status.CRITICAL if critical else Status.WARNING,
                "swings_slowly",
                slow,
                limit("<=", bound),
            )
        return OK
