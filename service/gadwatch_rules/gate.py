"""The gate at the end of the warm-up: clauses, and the latch that keeps a verdict calm.

1. Every step of the warm-up each clause is judged over its metric's newest ``window`` values.
2. Any clause that fails makes ``not_ready``; else any unknown makes ``insufficient_data``;
   else the verdict is ``ready``.
3. A ready verdict is latched: it falls when a safety clause does not pass, or when a target
   clause lies beyond its widened margin for ``breach_steps`` steps in a row.
"""

from collections.abc import Callable, Mapping
from math import sqrt
from operator import mul
from typing import NamedTuple, Protocol

from gadwatch_rules import catalogue as m
from gadwatch_rules.gate_settings import GateSettings
from gadwatch_rules.results import Status
from gadwatch_rules.steadiness import swing
from gadwatch_rules.window import Window, median

READY = "ready"
NOT_READY = "not_ready"
INSUFFICIENT = "insufficient_data"

NEEDED = (m.D_ACC, m.SCORE_DIFF, m.CRITIC_GRAD, m.RANKING_LOSS, m.DISCRIMINATOR)
"""Metrics without which the gate cannot say ready."""

Z95 = 1.959964
"""Two-sided 95 % quantile of the normal distribution."""

PASS, FAIL, NOT_KNOWN = Status.OK, Status.CRITICAL, Status.UNKNOWN


class Measured(NamedTuple):
    """What a clause found: ``beyond`` says that it lies outside its widened margin too."""

    status: Status
    observed: float | None = None
    beyond: bool = False
    reason: str = ""


class Latch(NamedTuple):
    """The gate's memory. Immutable, so that a step can be taken back."""

    verdict: str = INSUFFICIENT
    since_step: int | None = None
    first_ready_step: int | None = None
    breaches: int = 0


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


UNSEEN = Measured(NOT_KNOWN, None, True, "not_seen")


def _filling(window: Window | None, size: int) -> Measured | None:
    if window is None or not window.seen:
        return UNSEEN
    if len(window.values) < size:
        return Measured(NOT_KNOWN, float(len(window.values)), True, "too_few")
    return None


def finite_values(view: GateView, s: GateSettings) -> Measured:
    """No non-finite value within the window."""
    if view.bad_position and view.position - view.bad_position < s.window:
        return Measured(FAIL, float(view.position - view.bad_position), True, "not_finite")
    if not view.position:
        return UNSEEN
    return Measured(PASS, None)


def accuracy_window(view: GateView) -> Window | None:
    """d_acc among pairs that are no ties where ties are logged, else d_acc."""
    untied = view.windows.get(m.D_ACC_UNTIED)
    return untied if untied is not None and untied.seen else view.windows.get(m.D_ACC)


def lower_bound(values: list[float], pairs: float) -> float:
    """Wilson's lower 95 % bound of a mean proportion, widened by over-dispersion.

    ``values`` are batch proportions of ``pairs`` pairs each. Their variance over the binomial
    one (at least 1) divides the number of pairs that count.
    """
    count = len(values)
    p = min(max(sum(values) / count, 0.0), 1.0)
    binomial = p * (1 - p) / pairs
    dispersion = 1.0
    if count > 1 and binomial > 0:
        variance = (sum(map(mul, values, values)) - count * p * p) / (count - 1)
        dispersion = max(1.0, variance / binomial)
    n = count * pairs / dispersion
    z2 = Z95 * Z95 / n
    return (p + z2 / 2 - Z95 * sqrt((p * (1 - p) + z2 / 4) / n)) / (1 + z2)


def d_acc_confidence(view: GateView, s: GateSettings) -> Measured:
    """The critic is better than chance beyond doubt."""
    window = accuracy_window(view)
    size = int(s.window)
    if unknown := _filling(window, size):
        return unknown
    assert window is not None
    pairs = view.windows.get(m.PAIRS)
    bound = lower_bound(
        window.values[-size:], pairs.last if pairs and pairs.last >= 1 else s.pairs_per_batch
    )
    return Measured(PASS if bound > s.d_acc_floor else FAIL, bound)


def grad_norm_peak(view: GateView, s: GateSettings) -> Measured:
    """No gradient spike within the window."""
    window = view.windows.get(m.CRITIC_GRAD)
    size = int(s.window)
    if unknown := _filling(window, size):
        return unknown
    assert window is not None
    peak = max(window.values[-size:])
    return Measured(PASS if peak <= s.grad_norm_peak else FAIL, peak)


def reward_range(view: GateView, s: GateSettings) -> Measured:
    """The reward stayed in its range on every step; its sign does not matter."""
    size = int(s.window)
    window = view.windows.get(m.DISCRIMINATOR)
    if unknown := _filling(window, size):
        return unknown
    assert window is not None
    values = window.values[-size:]
    low, high = min(values), max(values)
    if low < s.reward_low:
        return Measured(FAIL, low)
    if high > s.reward_high:
        return Measured(FAIL, high)
    return Measured(PASS, window.last)


def score_diff_floor(view: GateView, s: GateSettings) -> Measured:
    """Teacher and student are apart."""
    return _mean_between(view, m.SCORE_DIFF, s, s.score_diff_floor, None)


def data_fresh(view: GateView, s: GateSettings) -> Measured:
    """Every needed metric has come lately."""
    if view.silent:
        return Measured(FAIL, None, True, "stalled")
    oldest = 0
    for name in NEEDED:
        window = view.windows.get(name)
        if window is None or not window.seen:
            return Measured(NOT_KNOWN, None, True, "not_seen")
        oldest = max(oldest, view.position - window.seen)
    return Measured(PASS if oldest < s.fresh_steps else FAIL, float(oldest))


def no_critical(view: GateView, s: GateSettings) -> Measured:  # noqa: ARG001 - as all clauses
    """No critical finding is open."""
    return Measured(FAIL if view.open_critical else PASS, float(view.open_critical))


def d_acc_band(view: GateView, s: GateSettings) -> Measured:
    """The mean accuracy lies in the healthy band."""
    size = int(s.window)
    window = accuracy_window(view)
    if unknown := _filling(window, size):
        return unknown
    assert window is not None
    mean = sum(window.values[-size:]) / size
    return _between(mean, s.d_acc_low, s.d_acc_high, s.d_acc_margin, s.d_acc_margin)


def score_diff_band(view: GateView, s: GateSettings) -> Measured:
    """The mean score difference lies in the healthy band."""
    return _mean_between(view, m.SCORE_DIFF, s, s.score_diff_low, s.score_diff_high)


def grad_norm_band(view: GateView, s: GateSettings) -> Measured:
    """The median gradient norm is neither gone nor large."""
    size = int(s.window)
    window = view.windows.get(m.CRITIC_GRAD)
    if unknown := _filling(window, size):
        return unknown
    assert window is not None
    middle = median(window.values[-size:])
    return _between(
        middle,
        s.grad_norm_low,
        s.grad_norm_high,
        s.relative_margin * s.grad_norm_low,
        s.relative_margin * s.grad_norm_high,
    )


def ranking_loss_steady(view: GateView, s: GateSettings) -> Measured:
    """The ranking loss does not swing."""
    size = int(s.window)
    window = view.windows.get(m.RANKING_LOSS)
    if unknown := _filling(window, size):
        return unknown
    assert window is not None
    slow = window.remembered("swing", 50, swing).slow
    return Measured(PASS if slow <= s.loss_variation else FAIL, slow, slow > 2 * s.loss_variation)


def rewards_agree(view: GateView, s: GateSettings) -> Measured:
    """Reward and discriminator score agree, where both are logged."""
    reward, score = view.windows.get(m.REWARD), view.windows.get(m.DISCRIMINATOR)
    size = int(s.window)
    if reward is None or not reward.seen:
        return Measured(PASS, None, reason="not_logged")
    if unknown := _filling(score, size) or _filling(reward, size):
        return unknown
    assert score is not None
    level = sum(score.values[-size:]) / size
    part = view.windows.get(m.FORMAT)
    share = sum(part.values[-size:]) / len(part.values[-size:]) if part and part.values else 0.0
    apart = abs(sum(reward.values[-size:]) / size - level - share)
    allowed = s.agreement_absolute + s.agreement_relative * abs(level)
    return Measured(PASS if apart <= allowed else FAIL, apart, apart > 2 * allowed)


def min_steps(view: GateView, s: GateSettings) -> Measured:
    """Enough warm-up steps were seen."""
    seen = float(view.position)
    return Measured(PASS, seen) if seen >= s.min_steps else Measured(NOT_KNOWN, seen, True)


def _between(
    value: float, low: float, high: float, low_margin: float, high_margin: float
) -> Measured:
    inside = low - low_margin <= value <= high + high_margin
    beyond = not low - 2 * low_margin <= value <= high + 2 * high_margin
    return Measured(PASS if inside else FAIL, value, beyond)


def _mean_between(
    view: GateView, name: str, s: GateSettings, low: float, high: float | None
) -> Measured:
    size = int(s.window)
    window = view.windows.get(name)
    if unknown := _filling(window, size):
        return unknown
    assert window is not None
    mean = sum(window.values[-size:]) / size
    if high is None:
        return Measured(PASS if mean > low else FAIL, mean)
    return _between(mean, low, high, s.relative_margin * low, s.relative_margin * high)


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


def measure(view: GateView, settings: GateSettings) -> list[Measured]:
    """Every clause, in the order of :data:`CLAUSES`."""
    return [clause(view, settings) for clause in CLAUSES]


def step_latch(latch: Latch, clauses: list[Measured], settings: GateSettings, step: int) -> Latch:
    """The gate's memory after one step; the same object when nothing has changed."""
    safety, target = clauses[: len(SAFETY)], clauses[len(SAFETY) :]
    raw = verdict(clauses)
    breaches = 0
    if latch.verdict == READY:
        safe = all(one.status is PASS for one in safety)
        if safe and any(one.beyond for one in target):
            breaches = latch.breaches + 1
        if safe and breaches < settings.breach_steps:
            return latch if breaches == latch.breaches else latch._replace(breaches=breaches)
    if raw == latch.verdict and latch.since_step is not None:
        return latch
    first = latch.first_ready_step
    if raw == READY and first is None:
        first = step
    return Latch(raw, step, first)


def verdict(clauses: list[Measured]) -> str:
    """The verdict of the clauses alone, without the latch."""
    statuses = [one.status for one in clauses]
    if FAIL in statuses:
        return NOT_READY
    return INSUFFICIENT if NOT_KNOWN in statuses else READY
