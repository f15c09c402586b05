"""Whether the gate's verdict stands through a stretch of steps: its clauses, by column.

Each clause of :mod:`gadwatch_rules.measures` has its counterpart here, under the same name: True
only when that one passes at every step. Where it would take more than a look at extremes and
means to know, the answer is False, and the steps are judged one by one.
"""

from collections.abc import Callable

from gadwatch_rules import catalogue as m
from gadwatch_rules import measures
from gadwatch_rules.batch import SLOW_SHARE, chance_swing
from gadwatch_rules.gate import NOT_READY, READY
from gadwatch_rules.gate_settings import GateSettings
from gadwatch_rules.state import RunState
from gadwatch_rules.steadiness import swing
from gadwatch_rules.stretch import ROUNDING, Stretch
from gadwatch_rules.trend import trend
from gadwatch_rules.window import BLOCK, median


def stays(state: RunState, settings: GateSettings, stretch: Stretch) -> bool:
    """Whether the latch is left as it is: *ready* neither lost nor put in doubt, or *not ready*.

    Asked while no finding begins or ends.
    """
    latch = state.latch
    if latch.since_step is None or latch.verdict != state.verdict:
        return False
    if latch.verdict == READY:
        return not latch.breaches and all(one(state, settings, stretch) for one in PASSES)
    return latch.verdict == NOT_READY and _fails(state, settings, stretch)


def _fails(state: RunState, s: GateSettings, stretch: Stretch) -> bool:
    """Whether some clause fails at every step: those that keep a faulty run from being ready."""
    accuracy = stretch.mean_bounds(_accuracy(stretch), s.window)
    difference = stretch.mean_bounds(m.SCORE_DIFF, s.window)
    margin = s.relative_margin
    return (
        state.criticals > 0
        or _beyond(accuracy, s.d_acc_low - s.d_acc_margin, s.d_acc_high + s.d_acc_margin)
        or _beyond(difference, s.score_diff_low * (1 - margin), s.score_diff_high * (1 + margin))
    )


def _beyond(means: tuple[float, float] | None, low: float, high: float) -> bool:
    return means is not None and (means[1] < low or means[0] > high)


def finite_values(state: RunState, s: GateSettings, stretch: Stretch) -> bool:  # noqa: ARG001
    """The newest non-finite value lies before the window."""
    return not state.bad_position or state.position + 1 - state.bad_position >= s.window


def _accuracy(stretch: Stretch) -> str:
    return m.D_ACC_UNTIED if stretch.ever_seen(m.D_ACC_UNTIED) else m.D_ACC


def d_acc_confidence(state: RunState, s: GateSettings, stretch: Stretch) -> bool:  # noqa: ARG001
    """The bound of the smallest mean, were the spread as large as the extremes allow."""
    metric = _accuracy(stretch)
    means = stretch.mean_bounds(metric, s.window)
    if means is None or not 0.0 < means[0] <= means[1] < 1.0:
        return False
    values = stretch.since(metric, s.window + BLOCK)
    # Popoviciu's inequality: no variance is larger than a quarter of the squared range.
    most = (max(values) - min(values)) ** 2 / 4 * s.window / (s.window - 1)
    pairs = stretch.pairs(s.pairs_per_batch)[0]
    fair = min(mean * (1 - mean) for mean in means)
    counted = s.window * min(pairs, fair / most if most else pairs)
    return measures.lower_bound(means[0], counted) > s.d_acc_floor + ROUNDING


def _extremes(stretch: Stretch, metric: str, window: int) -> tuple[float, float] | None:
    if not stretch.comes(metric) or stretch.before(metric) < window:
        return None
    values = stretch.since(metric, window + BLOCK)
    return min(values), max(values)


def grad_norm_peak(state: RunState, s: GateSettings, stretch: Stretch) -> bool:  # noqa: ARG001
    """No value near the window is a spike."""
    found = _extremes(stretch, m.CRITIC_GRAD, s.window)
    return found is not None and found[1] <= s.grad_norm_peak


def reward_range(state: RunState, s: GateSettings, stretch: Stretch) -> bool:  # noqa: ARG001
    """No value near the window leaves the range."""
    found = _extremes(stretch, m.DISCRIMINATOR, s.window)
    return found is not None and s.reward_low <= found[0] and found[1] <= s.reward_high


def score_diff_floor(state: RunState, s: GateSettings, stretch: Stretch) -> bool:  # noqa: ARG001
    """The smallest mean lies above the floor."""
    means = stretch.mean_bounds(m.SCORE_DIFF, s.window)
    return means is not None and means[0] > s.score_diff_floor


def data_fresh(state: RunState, s: GateSettings, stretch: Stretch) -> bool:  # noqa: ARG001
    """Every needed metric comes with every step."""
    return not state.silent and all(map(stretch.comes, measures.NEEDED))


def no_critical(state: RunState, s: GateSettings, stretch: Stretch) -> bool:  # noqa: ARG001
    """No critical finding is open; none is opened or closed meanwhile."""
    return not state.criticals


def _within(means: tuple[float, float] | None, low: float, high: float) -> bool:
    return means is not None and low <= means[0] and means[1] <= high


def d_acc_band(state: RunState, s: GateSettings, stretch: Stretch) -> bool:  # noqa: ARG001
    """Every mean lies in the band."""
    means = stretch.mean_bounds(_accuracy(stretch), s.window)
    return _within(means, s.d_acc_low - s.d_acc_margin, s.d_acc_high + s.d_acc_margin)


def score_diff_band(state: RunState, s: GateSettings, stretch: Stretch) -> bool:  # noqa: ARG001
    """Every mean lies in the band."""
    means = stretch.mean_bounds(m.SCORE_DIFF, s.window)
    margin = s.relative_margin
    return _within(means, s.score_diff_low * (1 - margin), s.score_diff_high * (1 + margin))


def grad_norm_band(state: RunState, s: GateSettings, stretch: Stretch) -> bool:  # noqa: ARG001
    """Every median lies in the band."""
    medians = stretch.blocks(m.CRITIC_GRAD, "median", s.window, median)
    if medians is None:
        return False
    margin = s.relative_margin
    return _within(
        (min(medians), max(medians)),
        s.grad_norm_low * (1 - margin),
        s.grad_norm_high * (1 + margin),
    )


def ranking_loss_steady(state: RunState, s: GateSettings, stretch: Stretch) -> bool:  # noqa: ARG001
    """No block swings, were each of its batches the largest one."""
    swings = stretch.blocks(m.RANKING_LOSS, "swing", 50, swing)
    if swings is None or stretch.before(m.RANKING_LOSS) < s.window:
        return False
    chance = chance_swing(stretch.pairs(s.pairs_per_batch)[1])
    slow, fast = max(s.loss_swing_slow, SLOW_SHARE * chance), max(s.loss_swing_fast, chance)
    return all(one.slow <= slow and one.fast <= fast for one in swings)


def rewards_agree(state: RunState, s: GateSettings, stretch: Stretch) -> bool:  # noqa: ARG001
    """Reward and critic score have means as near as is allowed, where both are logged."""
    if not stretch.ever_seen(m.REWARD):
        return True
    here = stretch.means(m.REWARD, s.window)
    there = stretch.means(m.DISCRIMINATOR, s.window)
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


def critic_settled(state: RunState, s: GateSettings, stretch: Stretch) -> bool:  # noqa: ARG001
    """The critic is strong throughout, or at no block clearly better than before."""
    metric = _accuracy(stretch)
    means = stretch.mean_bounds(metric, s.window)
    if means is None:
        return False
    if means[0] >= s.settled_d_acc:
        return True
    for name, sign in ((metric, 1), (m.SCORE_DIFF, 1), (m.RANKING_LOSS, -1)):
        trends = stretch.blocks(name, "trend", 50, trend)
        if trends is None or stretch.before(name) < s.window:
            return False
        if any(sign * one.t > s.settled_t for one in trends):
            return False
    return True


def min_steps(state: RunState, s: GateSettings, stretch: Stretch) -> bool:  # noqa: ARG001
    """Enough steps were seen with the first one already."""
    return state.position + 1 >= s.min_steps


PASSES: tuple[Callable[[RunState, GateSettings, Stretch], bool], ...] = (
    finite_values,
    d_acc_confidence,
    grad_norm_peak,
    reward_range,
    score_diff_floor,
    data_fresh,
    no_critical,
    d_acc_band,
    score_diff_band,
    grad_norm_band,
    ranking_loss_steady,
    rewards_agree,
    critic_settled,
    min_steps,
)
"""A counterpart of each of :data:`measures.CLAUSES`, in their order."""
