"""What each fault should be called by, and how sure one may be of it."""

from __future__ import annotations

from dataclasses import dataclass

from gadwatch_trainer import FAULTS


@dataclass(frozen=True)
class Expected:
    """`rules` name the fault; any of them counts. A critical fault must stop an overnight run."""

    rules: frozenset[str]
    critical: bool = False
    unfit: bool = True
    """Whether the gate must not call the warm-up ready while the fault lasts."""


def _by(*rules: str, critical: bool = False, unfit: bool = True) -> Expected:
    return Expected(frozenset(rules), critical, unfit)


EXPECTED = {
    "nan": _by("finite", critical=True),
    "grad-spike": _by("grad_norm_ceiling"),
    "lr-explosion": _by("grad_norm_ceiling", "finite", critical=True),
    "vanishing-gradient": _by("grad_norm_floor", critical=True),
    "not-learning": _by("d_acc_band", "score_diff_band", critical=True),
    "critic-saturated": _by("d_acc_band", "score_diff_band", "score_drift"),
    "labels-swapped": _by("d_acc_band", "score_diff_band", critical=True),
    "label-noise": _by("d_acc_band", "score_diff_band", critical=True),
    "score-drift": _by("score_drift", "score_diff_band", "reward_range"),
    "loss-oscillation-fast": _by("ranking_loss_stability"),
    "loss-oscillation-slow": _by("ranking_loss_stability"),
    "missing-metric": _by("missing"),
    "stalled": _by("stalled", critical=True),
    "eos-leak": _by("generalisation", "d_acc_jump", "d_acc_band"),
    # A bias of the scores is a warning to look at; the gate of the domain has no clause on it.
    "length-bias": _by("length_bias", unfit=False),
    "dead-actor": _by("dead_actor", critical=True),
    "length-explosion": _by("response_length", "clip_ratio", critical=True),
    "frozen-critic": _by("critic_prefers_student", "response_length", "length_bias", "clip_ratio"),
    "stage2-labels-swapped": _by("critic_prefers_student", critical=True),
    "stage2-nan": _by("finite", critical=True),
}
"""By fault; a resume is none."""

assert set(EXPECTED) == set(FAULTS) - {"resume-rewind"}

LOOKS_BACK = {"missing": 20, "generalisation": 5, "ranking_loss_stability": 10}
"""Steps that a rule must wait beside its hold: the absence it counts, the distance between two
measurements of val/d_acc, the window whose swing it measures."""
