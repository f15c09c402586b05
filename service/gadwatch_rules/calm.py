"""Whether the gate's verdict stands through a stretch of steps: its clauses, by column."""

from gadwatch_rules import catalogue as m
from gadwatch_rules import measures
from gadwatch_rules.batch import SLOW_SHARE, chance_swing
from gadwatch_rules.gate import NOT_READY, READY
from gadwatch_rules.gate_settings import GateSettings
from gadwatch_rules.state import RunState
from gadwatch_rules.stretch import ROUNDING, Stretch
from gadwatch_rules.trend import trend
from gadwatch_rules.window import BLOCK, median

Bounds = tuple[float, float]


class Outlook:
    """What the gate will say of steps that are still to be taken.

    Each clause of :mod:`gadwatch_rules.measures` has its counterpart here, under the same name:
    True only when that one passes at every step. Where it would take more than a look at extremes
    and means to know, the answer is False, and the steps are judged one by one.
    """

    def __init__(self, state: RunState, settings: GateSettings, stretch: Stretch) -> None:
        self._state = state
        self._s = settings
        self._stretch = stretch
        seen = stretch.ever_seen(m.D_ACC_UNTIED)
        self._accuracy = m.D_ACC_UNTIED if seen else m.D_ACC

    def stands(self) -> bool:
        """Whether *ready* is neither lost nor put in doubt, or *not ready* keeps its cause.

        Asked while no finding begins or ends.
        """
        latch = self._state.latch
        if latch.since_step is None or latch.verdict != self._state.verdict:
            return False
        if latch.verdict == READY:
            names = [clause.__name__ for clause in measures.CLAUSES]
            return not latch.breaches and all(getattr(self, name)() for name in names)
        return latch.verdict == NOT_READY and self._fails()

    def _fails(self) -> bool:
        """Whether a clause fails at every step, of those that keep faulty runs from being ready."""
        return (
            not self.no_critical()
            or _beyond(self._means(self._accuracy), self._d_acc_limits)
            or _beyond(self._means(m.SCORE_DIFF), self._score_diff_limits)
        )

    def finite_values(self) -> bool:
        """The newest non-finite value lies before the window."""
        bad, first = self._state.bad_position, self._state.position + 1
        return not bad or first - bad >= self._s.window

    def d_acc_confidence(self) -> bool:
        """The bound of the smallest mean, were the spread as large as the extremes allow."""
        s, means = self._s, self._means(self._accuracy)
        if means is None or not 0.0 < means[0] <= means[1] < 1.0:
            return False
        values = self._stretch.since(self._accuracy, s.window + BLOCK)
        # Popoviciu's inequality: no variance is larger than a quarter of the squared range.
        most = (max(values) - min(values)) ** 2 / 4 * s.window / (s.window - 1)
        pairs = self._stretch.pairs(s.pairs_per_batch)[0]
        fair = min(mean * (1 - mean) for mean in means)
        counted = s.window * min(pairs, fair / most if most else pairs)
        return measures.lower_bound(means[0], counted) > s.d_acc_floor + ROUNDING

    def grad_norm_peak(self) -> bool:
        """No value near the window is a spike."""
        found = self._extremes(m.CRITIC_GRAD)
        return found is not None and found[1] <= self._s.grad_norm_peak

    def reward_range(self) -> bool:
        """No value near the window leaves the range."""
        return _within(self._extremes(m.DISCRIMINATOR), (self._s.reward_low, self._s.reward_high))

    def score_diff_floor(self) -> bool:
        """The smallest mean lies above the floor."""
        means = self._means(m.SCORE_DIFF)
        return means is not None and means[0] > self._s.score_diff_floor

    def data_fresh(self) -> bool:
        """Every needed metric comes with every step."""
        return not self._state.silent and all(map(self._stretch.comes, measures.NEEDED))

    def no_critical(self) -> bool:
        """No critical finding is open; none is opened or closed meanwhile."""
        return not self._state.criticals

    def d_acc_band(self) -> bool:
        """Every mean lies in the band."""
        return _within(self._means(self._accuracy), self._d_acc_limits)

    def score_diff_band(self) -> bool:
        """Every mean lies in the band."""
        return _within(self._means(m.SCORE_DIFF), self._score_diff_limits)

    def grad_norm_band(self) -> bool:
        """Every median lies in the band."""
        s = self._s
        medians = self._stretch.blocks(m.CRITIC_GRAD, "median", s.window, median)
        limits = self._widened(s.grad_norm_low, s.grad_norm_high)
        return medians is not None and _within((min(medians), max(medians)), limits)

    def ranking_loss_steady(self) -> bool:
        """No block swings, were each of its batches the largest one."""
        s = self._s
        swings = self._stretch.swings(m.RANKING_LOSS)
        if swings is None or self._stretch.before(m.RANKING_LOSS) < s.window:
            return False
        chance = chance_swing(self._stretch.pairs(s.pairs_per_batch)[1])
        slow, fast = max(s.loss_swing_slow, SLOW_SHARE * chance), max(s.loss_swing_fast, chance)
        return all(one.slow <= slow and one.fast <= fast for one in swings)

    def rewards_agree(self) -> bool:
        """Reward and critic score have means as near as is allowed, where both are logged."""
        s, stretch = self._s, self._stretch
        if not stretch.ever_seen(m.REWARD):
            return True
        here, there = stretch.means(m.REWARD, s.window), stretch.means(m.DISCRIMINATOR, s.window)
        part = stretch.means(m.FORMAT, s.window)
        if here is None or there is None or (part is None and stretch.ever_seen(m.FORMAT)):
            return False
        if here == there and part is None:
            return True
        slack = stretch.slack(m.REWARD) + stretch.slack(m.DISCRIMINATOR)
        slack += stretch.slack(m.FORMAT) if part else 0.0
        allowed, share = s.agreement_absolute - 2 * slack, s.agreement_relative
        return all(
            abs(reward - score - own) <= allowed + share * abs(score)
            for reward, score, own in zip(here, there, part or [0.0] * stretch.size, strict=True)
        )

    def critic_settled(self) -> bool:
        """The critic is strong throughout, or at no block clearly better than before."""
        s, means = self._s, self._means(self._accuracy)
        if means is None:
            return False
        if means[0] >= s.settled_d_acc:
            return True
        for name, sign in ((self._accuracy, 1), (m.SCORE_DIFF, 1), (m.RANKING_LOSS, -1)):
            trends = self._stretch.blocks(name, "trend", 50, trend)
            if trends is None or self._stretch.before(name) < s.window:
                return False
            if any(sign * one.t > s.settled_t for one in trends):
                return False
        return True

    def min_steps(self) -> bool:
        """Enough steps were seen with the first one already."""
        return self._state.position + 1 >= self._s.min_steps

    def _means(self, metric: str) -> Bounds | None:
        return self._stretch.mean_bounds(metric, self._s.window)

    def _extremes(self, metric: str) -> Bounds | None:
        """Of the values that the window holds at any step, and some more."""
        if not self._stretch.comes(metric) or self._stretch.before(metric) < self._s.window:
            return None
        values = self._stretch.since(metric, self._s.window + BLOCK)
        return min(values), max(values)

    @property
    def _d_acc_limits(self) -> Bounds:
        margin = self._s.d_acc_margin
        return self._s.d_acc_low - margin, self._s.d_acc_high + margin

    @property
    def _score_diff_limits(self) -> Bounds:
        return self._widened(self._s.score_diff_low, self._s.score_diff_high)

    def _widened(self, low: float, high: float) -> Bounds:
        margin = self._s.relative_margin
        return low - margin * low, high + margin * high


def _within(found: Bounds | None, limits: Bounds) -> bool:
    return found is not None and limits[0] <= found[0] and found[1] <= limits[1]


def _beyond(found: Bounds | None, limits: Bounds) -> bool:
    return found is not None and (found[1] < limits[0] or found[0] > limits[1])
