"""The gate's clauses as measurements over the newest steps of a warm-up.

Each clause is a function of the state and the gate's settings; its name is the clause's id.
Unknown never counts as pass.
"""

from collections.abc import Callable, Mapping
from math import sqrt
from operator import mul
from typing import Protocol

from gadwatch_rules import catalogue as m
from gadwatch_rules.gate_settings import GateSettings
from gadwatch_rules.results import Status
from gadwatch_rules.steadiness import swing
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


def lower_bound(values: list[float], mean: float, pairs: float) -> float:
    """Wilson's lower 95 % bound of a mean proportion, widened by over-dispersion.

    ``values`` are batch proportions of ``pairs`` pairs each. Their variance over the binomial
    one (at least 1) divides the number of pairs that count.
    """
    count = len(values)
    p = min(max(mean, 0.0), 1.0)
    binomial = p * (1 - p) / pairs
    dispersion = 1.0
    if count > 1 and binomial > 0:
        variance = (sum(map(mul, values, values)) - count * p * p) / (count - 1)
        dispersion = min(max(1.0, variance / binomial), count * pairs)
    n = count * pairs / dispersion
    z2 = Z95 * Z95 / n
    return (p + z2 / 2 - Z95 * sqrt((p * (1 - p) + z2 / 4) / n)) / (1 + z2)


def d_acc_confidence(view: GateView, s: GateSettings) -> Measured:
    """The critic is better than chance beyond doubt."""
    window = _accuracy(view)
    span = window.span(s.window)
    if span is None:
        return _unfilled(window)
    logged = view.windows[m.PAIRS].values
    pairs = logged[-1] if logged and logged[-1] >= 1 else s.pairs_per_batch
    bound = lower_bound(span[0], span[1], pairs)
    return (PASS if bound > s.d_acc_floor else FAIL), bound, False, ""


def grad_norm_peak(view: GateView, s: GateSettings) -> Measured:
    """No gradient spike within the window."""
    window = view.windows[m.CRITIC_GRAD]
    span = window.span(s.window)
    if span is None:
        return _unfilled(window)
    peak = max(span[0])
    return (PASS if peak <= s.grad_norm_peak else FAIL), peak, False, ""


def reward_range(view: GateView, s: GateSettings) -> Measured:
    """The reward stayed in its range on every step; its sign does not matter."""
    window = view.windows[m.DISCRIMINATOR]
    span = window.span(s.window)
    if span is None:
        return _unfilled(window)
    low, high = min(span[0]), max(span[0])
    if low < s.reward_low:
        return FAIL, low, False, ""
    if high > s.reward_high:
        return FAIL, high, False, ""
    return PASS, span[0][-1], False, ""


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
    windows = view.windows
    latest = min([windows[name].seen for name in NEEDED])
    if not latest:
        return UNSEEN
    age = view.position - latest
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
    span = window.span(s.window)
    if span is None:
        return _unfilled(window)
    low, high, margin = s.grad_norm_low, s.grad_norm_high, s.relative_margin
    return _between(median(span[0]), low, high, margin * low, margin * high)


def ranking_loss_steady(view: GateView, s: GateSettings) -> Measured:
    """The ranking loss does not swing, neither fast nor slowly (judged once a block)."""
    window = view.windows[m.RANKING_LOSS]
    if len(window.values) < s.window:
        return _unfilled(window)
    found = window.remembered("swing", 50, swing)
    most = max(found.slow / s.loss_swing_slow, found.fast / s.loss_swing_fast)
    return (PASS if most <= 1 else FAIL), most, most > 2, ""


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
    min_steps,
)
CLAUSES = (*SAFETY, *TARGET)
