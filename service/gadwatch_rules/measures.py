"""The gate's clauses as measurements over the newest steps of a warm-up.

Each clause is a function of the state and the gate's settings; its name is the clause's id.
Unknown never counts as pass. Means are of the newest values at every step; medians, spreads and
extremes are worked out once a block of five steps (extremes then mind the newest values too).
"""

from collections.abc import Callable, Mapping
from math import sqrt
from typing import Protocol

from gadwatch_rules import catalogue as m
from gadwatch_rules.batch import SLOW_SHARE, chance_swing, pairs_of
from gadwatch_rules.gate_settings import GateSettings
from gadwatch_rules.results import Status
from gadwatch_rules.steadiness import swing
from gadwatch_rules.trend import trend
from gadwatch_rules.window import Window, median

NEEDED = (m.D_ACC, m.SCORE_DIFF, m.CRITIC_GRAD, m.RANKING_LOSS, m.DISCRIMINATOR)
"""Metrics without which the gate cannot say ready."""

Z95 = 1.959964
"""Two-sided 95 % quantile of the normal distribution."""

PASS, FAIL, NOT_KNOWN = Status.OK, Status.CRITICAL, Status.UNKNOWN


Measured = tuple[Status, float | None, bool, str]
"""What a clause found: status, observed value, whether it lies beyond its widened margin too,
and the id of the reason where that is not the status itself. A plain tuple, for thirteen are
made at every step."""


class GateView(Protocol):
    """What the gate may look at."""

    @property
    def windows(self) -> Mapping[str, Window]:
        """Every watched metric's recent values."""

    @property
    def position(self) -> int:
        """Observed steps of the segment."""

    @property
    def bad_position(self) -> int:
        """The newest position with a non-finite value, 0 for never."""

    @property
    def open_critical(self) -> int:
        """Critical findings that are firing."""

    @property
    def silent(self) -> bool:
        """Whether the run is stalled."""


UNSEEN: Measured = (NOT_KNOWN, None, True, "not_seen")
CLEAN: Measured = (PASS, None, False, "")


def _unfilled(window: Window) -> Measured:
    if not window.values:
        return UNSEEN
    return NOT_KNOWN, float(len(window.values)), True, "too_few"


def _accuracy(view: GateView) -> Window:
    """d_acc among pairs that are no ties where ties are logged, else d_acc."""
    untied = view.windows[m.D_ACC_UNTIED]
    return untied if untied.values else view.windows[m.D_ACC]


def _between(
    value: float, low: float, high: float, low_margin: float, high_margin: float
) -> Measured:
    if low - low_margin <= value <= high + high_margin:
        return PASS, value, False, ""
    beyond = not low - 2 * low_margin <= value <= high + 2 * high_margin
    return FAIL, value, beyond, ""


def finite_values(view: GateView, s: GateSettings) -> Measured:
    """No non-finite value within the window."""
    ago = view.position - view.bad_position
    if view.bad_position and ago < s.window:
        return FAIL, float(ago), True, ""
    return CLEAN if view.position else UNSEEN


def variance(values: list[float]) -> float:
    """The sample variance; 0 of a single value."""
    if len(values) < 2:
        return 0.0
    mean = sum(values) / len(values)
    return sum([(value - mean) * (value - mean) for value in values]) / (len(values) - 1)


def dispersion(mean: float, spread: float, pairs: float) -> float:
    """How many times the variance ``spread`` of batch proportions is that of fair draws.

    At least 1. Each proportion is of ``pairs`` pairs.
    """
    p = min(max(mean, 0.0), 1.0)
    fair = p * (1 - p) / pairs
    return max(1.0, spread / fair) if fair > 0 else 1.0


def lower_bound(mean: float, pairs: float) -> float:
    """Wilson's lower 95 % bound of a proportion over so many pairs."""
    p = min(max(mean, 0.0), 1.0)
    z2 = Z95 * Z95 / max(pairs, 1.0)
    return (p + z2 / 2 - sqrt(z2 * (p * (1 - p) + z2 / 4))) / (1 + z2)


def d_acc_confidence(view: GateView, s: GateSettings) -> Measured:
    """The critic is better than chance beyond doubt: over-dispersion counts as fewer pairs."""
    window = _accuracy(view)
    span = window.span(s.window)
    if span is None:
        return _unfilled(window)
    pairs = pairs_of(view.windows, s.pairs_per_batch)
    spread = window.remembered("variance", s.window, variance)
    bound = lower_bound(span[1], s.window * pairs / dispersion(span[1], spread, pairs))
    return (PASS if bound > s.d_acc_floor else FAIL), bound, False, ""


def extremes(values: list[float]) -> tuple[float, float]:
    """The smallest and the largest value."""
    return min(values), max(values)


def _extremes(window: Window, size: int) -> tuple[float, float]:
    """Of the newest values, back to the beginning of the block in which the window begins."""
    low, high = window.remembered("extremes", size, extremes)
    newest = window.since_block()
    return (min(low, *newest), max(high, *newest)) if newest else (low, high)


def grad_norm_peak(view: GateView, s: GateSettings) -> Measured:
    """No gradient spike within the window."""
    window = view.windows[m.CRITIC_GRAD]
    if len(window.values) < s.window:
        return _unfilled(window)
    peak = _extremes(window, s.window)[1]
    return (PASS if peak <= s.grad_norm_peak else FAIL), peak, False, ""


def reward_range(view: GateView, s: GateSettings) -> Measured:
    """The reward stayed in its range on every step; its sign does not matter."""
    window = view.windows[m.DISCRIMINATOR]
    if len(window.values) < s.window:
        return _unfilled(window)
    low, high = _extremes(window, s.window)
    if low < s.reward_low:
        return FAIL, low, False, ""
    if high > s.reward_high:
        return FAIL, high, False, ""
    return PASS, window.values[-1], False, ""


def score_diff_floor(view: GateView, s: GateSettings) -> Measured:
    """Teacher and student are apart."""
    window = view.windows[m.SCORE_DIFF]
    span = window.span(s.window)
    if span is None:
        return _unfilled(window)
    return (PASS if span[1] > s.score_diff_floor else FAIL), span[1], False, ""


def data_fresh(view: GateView, s: GateSettings) -> Measured:
    """Every needed metric has come lately, and the run is not stalled."""
    if view.silent:
        return FAIL, None, True, "stalled"
    windows, position = view.windows, view.position
    latest = position
    for name in NEEDED:
        seen = windows[name].seen
        if seen < latest:  # noqa: PLR1730 - at every step, and min() costs a call
            latest = seen
    if not latest:
        return UNSEEN
    age = position - latest
    if not age:
        return CLEAN
    return (PASS if age < s.fresh_steps else FAIL), float(age), False, ""


def no_critical(view: GateView, s: GateSettings) -> Measured:  # noqa: ARG001 - as all clauses
    """No critical finding is open."""
    count = view.open_critical
    return (FAIL if count else PASS), float(count), False, ""


def d_acc_band(view: GateView, s: GateSettings) -> Measured:
    """The mean accuracy lies in the healthy band."""
    window = _accuracy(view)
    span = window.span(s.window)
    if span is None:
        return _unfilled(window)
    return _between(span[1], s.d_acc_low, s.d_acc_high, s.d_acc_margin, s.d_acc_margin)


def score_diff_band(view: GateView, s: GateSettings) -> Measured:
    """The mean score difference lies in the healthy band."""
    window = view.windows[m.SCORE_DIFF]
    span = window.span(s.window)
    if span is None:
        return _unfilled(window)
    low, high, margin = s.score_diff_low, s.score_diff_high, s.relative_margin
    return _between(span[1], low, high, margin * low, margin * high)


def grad_norm_band(view: GateView, s: GateSettings) -> Measured:
    """The median gradient norm is neither gone nor large."""
    window = view.windows[m.CRITIC_GRAD]
    if len(window.values) < s.window:
        return _unfilled(window)
    middle = window.remembered("median", s.window, median)
    low, high, margin = s.grad_norm_low, s.grad_norm_high, s.relative_margin
    return _between(middle, low, high, margin * low, margin * high)


def ranking_loss_steady(view: GateView, s: GateSettings) -> Measured:
    """The ranking loss does not swing, neither fast nor slowly (judged once a block).

    What a batch of so many pairs does by chance is allowed.
    """
    window = view.windows[m.RANKING_LOSS]
    if len(window.values) < s.window:
        return _unfilled(window)
    found = window.remembered("swing", 50, swing)
    chance = chance_swing(pairs_of(view.windows, s.pairs_per_batch))
    most = max(
        found.slow / max(s.loss_swing_slow, SLOW_SHARE * chance),
        found.fast / max(s.loss_swing_fast, chance),
    )
    return (PASS if most <= 1 else FAIL), most, most > 1 + 2 * s.relative_margin, ""


def rewards_agree(view: GateView, s: GateSettings) -> Measured:
    """Reward and critic score agree, where both are logged."""
    reward, score = view.windows[m.REWARD], view.windows[m.DISCRIMINATOR]
    if not reward.values:
        return PASS, None, False, "not_logged"
    there, here = score.span(s.window), reward.span(s.window)
    if there is None or here is None:
        return _unfilled(score if there is None else reward)
    part = view.windows[m.FORMAT].span(s.window)
    apart = abs(here[1] - there[1] - (part[1] if part else 0.0))
    allowed = s.agreement_absolute + s.agreement_relative * abs(there[1])
    return (PASS if apart <= allowed else FAIL), apart, apart > 2 * allowed, ""


def critic_settled(view: GateView, s: GateSettings) -> Measured:
    """The critic is strong, or does not get clearly better any more (judged once a block).

    Observed is its improvement in standard errors, by the clearest of accuracy, difference and
    loss. Handed over while it still learns fast, it was hacked in half of the trainings that
    `bench/gate` measured.
    """
    accuracy, difference = _accuracy(view), view.windows[m.SCORE_DIFF]
    loss = view.windows[m.RANKING_LOSS]
    span = accuracy.span(s.window)
    if span is None:
        return _unfilled(accuracy)
    if span[1] >= s.settled_d_acc:
        return PASS, None, False, "strong"
    if len(difference.values) < s.window or len(loss.values) < s.window:
        return _unfilled(min(difference, loss, key=lambda window: len(window.values)))
    improvement = max(
        accuracy.remembered("trend", 50, trend).t,
        difference.remembered("trend", 50, trend).t,
        -loss.remembered("trend", 50, trend).t,
    )
    return (PASS if improvement <= s.settled_t else FAIL), improvement, False, ""


def min_steps(view: GateView, s: GateSettings) -> Measured:
    """Enough warm-up steps were seen."""
    seen = float(view.position)
    if seen >= s.min_steps:
        return PASS, seen, False, ""
    return NOT_KNOWN, seen, True, "too_early"


Clause = Callable[[GateView, GateSettings], Measured]

SAFETY: tuple[Clause, ...] = (
    finite_values,
    d_acc_confidence,
    grad_norm_peak,
    reward_range,
    score_diff_floor,
    data_fresh,
    no_critical,
)
TARGET: tuple[Clause, ...] = (
    d_acc_band,
    score_diff_band,
    grad_norm_band,
    ranking_loss_steady,
    rewards_agree,
    critic_settled,
    min_steps,
)
CLAUSES = (*SAFETY, *TARGET)
