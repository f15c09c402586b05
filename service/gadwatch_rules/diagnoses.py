"""Diagnoses: patterns over several metrics, with evidence and advice.

Never judge by one metric. Each pattern is a function of the evidence; its name is the
diagnosis' id, and it gives back the evidence that it rests on, or None. Bounds are the
domain's: the reference analysis and public notes of the same training.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import log
from typing import Any

from gadwatch_rules import catalogue as m
from gadwatch_rules.evidence import Evidence
from gadwatch_rules.jsonsafe import safe
from gadwatch_rules.texts import text

CHANCE = log(2)
"""The ranking loss of a critic that guesses."""

Proof = dict[str, float]
Pattern = Callable[[Evidence], Proof | None]


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """A recognised pattern. ``evidence`` holds the values it rests on, by metric."""

    id: str
    severity: str
    evidence: Proof

    def title(self, lang: str = "en") -> str:
        """Its name for a person."""
        return str(text("diagnoses", self.id, lang)["title"])

    def as_dict(self, lang: str = "en") -> dict[str, Any]:
        """The diagnosis of the assessment, JSON-safe."""
        words = text("diagnoses", self.id, lang)
        return {
            "id": self.id,
            "severity": self.severity,
            "evidence": {metric: safe(value) for metric, value in self.evidence.items()},
            "explanation": words["explanation"],
            "advice": list(words["advice"]),
        }


def broken_numbers(e: Evidence) -> Proof | None:
    """A watched metric is NaN or infinite."""
    broken = [f for f in e.findings if f.rule == "finite" and f.state == "firing"]
    return {f.metric: f.value for f in broken if f.value is not None} or None


def labels_swapped(e: Evidence) -> Proof | None:
    """The critic prefers the student: low accuracy alone may be ties."""
    accuracy, difference = e.value(m.D_ACC), e.value(m.SCORE_DIFF)
    if accuracy is None or difference is None or not e.past_grace:
        return None
    if accuracy < 0.40 and difference < -0.1:
        return {m.D_ACC: accuracy, m.SCORE_DIFF: difference}
    return None


def critic_collapse(e: Evidence) -> Proof | None:
    """Gradient and loss are gone while scores have run away."""
    gradient = e.value(m.CRITIC_GRAD, 3)
    loss = e.first_of(m.RANKING_LOSS, m.D_LOSS)
    if gradient is None or loss is None or gradient >= 0.001 or loss[1] >= 0.01:
        return None
    scores = e.values(m.SCORE_DIFF, m.TEACHER, m.STUDENT)
    far = {name: value for name, value in scores.items() if abs(value) > 10}
    return {m.CRITIC_GRAD: gradient, loss[0]: loss[1], **far} if far else None


def critic_saturated(e: Evidence) -> Proof | None:
    """So sure that the sigmoid is flat. The loss bound is that of temperature 1."""
    seen = e.values(m.D_ACC, m.SCORE_DIFF, m.RANKING_LOSS)
    if len(seen) < 3 or critic_collapse(e):
        return None
    if seen[m.D_ACC] > 0.95 and seen[m.SCORE_DIFF] > 5 and seen[m.RANKING_LOSS] < 0.1:
        return seen
    return None


def critic_overconfident(e: Evidence) -> Proof | None:
    """Teacher and student lie further apart than ranking them needs."""
    seen = e.values(m.D_ACC, m.SCORE_DIFF, m.TEACHER, m.STUDENT)
    if seen.get(m.SCORE_DIFF, 0) <= 5 or seen.get(m.D_ACC, 0) <= 0.9:
        return None
    return None if critic_saturated(e) or critic_collapse(e) else seen


def critic_not_learning(e: Evidence) -> Proof | None:
    """Still at chance after the grace."""
    seen = e.values(m.D_ACC, m.RANKING_LOSS, m.SCORE_DIFF)
    if e.stage != "warmup" or not e.past_grace or len(seen) < 3 or labels_swapped(e):
        return None
    at_chance = seen[m.D_ACC] < 0.60 and seen[m.RANKING_LOSS] >= 0.65
    return seen if at_chance and abs(seen[m.SCORE_DIFF]) < 0.5 else None


def score_drift(e: Evidence) -> Proof | None:
    """A score beyond 5 that still grows (or any beyond 5, when there is no history)."""
    proof = {}
    for metric, value in e.values(m.TEACHER, m.STUDENT).items():
        found = e.trend(metric)
        grows = found is not None and found.change * value > 0 and abs(found.t) > 2
        if abs(value) > 5 and (grows or not e.history):
            proof[metric] = value
    return proof or None


def shortcut_learning(e: Evidence) -> Proof | None:
    """Accuracy that comes from something other than quality."""
    if broken_numbers(e):
        # Of scores that are no numbers none is the larger one: a fresh accuracy is 0 then.
        return None
    accuracy, fresh = e.value(m.D_ACC), e.value(m.VAL_D_ACC, 1)
    proof: Proof = {}
    if accuracy is not None and fresh is not None and accuracy >= 0.70 and fresh < 0.60:
        proof = {m.D_ACC: accuracy, m.VAL_D_ACC: fresh}
    jumped = e.firing("d_acc_jump")
    if jumped is not None and jumped.value is not None:
        proof[m.D_ACC] = jumped.value
    correlation = e.value(m.LENGTH_CORRELATION)
    if correlation is not None and abs(correlation) > 0.30:
        proof[m.LENGTH_CORRELATION] = correlation
    return proof or None


def high_d_acc_small_gap(e: Evidence) -> Proof | None:
    """Small differences per token that add up over a sequence."""
    seen = e.values(m.D_ACC, m.SCORE_DIFF, m.RANKING_LOSS)
    if len(seen) < 3 or seen[m.D_ACC] <= 0.95 or abs(seen[m.SCORE_DIFF]) >= 0.1:
        return None
    return seen if abs(seen[m.RANKING_LOSS] - CHANCE) < 0.05 else None


def gradient_explosion(e: Evidence) -> Proof | None:
    """Large gradients keep coming."""
    return _gradient(e, critical=True)


def gradient_spike(e: Evidence) -> Proof | None:
    """One large gradient among usual ones."""
    return _gradient(e, critical=False)


def _gradient(e: Evidence, *, critical: bool) -> Proof | None:
    proof = {}
    for finding in e.findings:
        if finding.rule not in ("grad_norm_ceiling", "grad_norm_spike"):
            continue
        if finding.state != "firing" or finding.value is None:
            continue
        exploding = finding.severity == "critical"
        if exploding == critical and (critical or finding.reason == "spike"):
            proof[finding.metric] = finding.value
    return proof or None


def dead_actor(e: Evidence) -> Proof | None:
    """No variance inside a group, so no gradient."""
    if e.firing("dead_actor") is None:
        return None
    return e.values(m.PG_LOSS, m.ACTOR_GRAD, m.ADVANTAGE_MAX, m.LENGTH)


def actor_not_learning(e: Evidence) -> Proof | None:
    """Stage 2: reward and policy loss flat although the critic is fine."""
    if e.stage != "stage2" or e.worst != "ok" or converged(e) or dead_actor(e):
        return None
    reward, loss = e.trend(m.REWARD), e.trend(m.PG_LOSS)
    if reward is None or loss is None or e.firing("reward_plateau") is None:
        return None
    return e.values(m.REWARD, m.PG_LOSS, m.SCORE_DIFF) if abs(loss.t) < 2 else None


def length_hacking(e: Evidence) -> Proof | None:
    """Length explodes while the reward stays or rises."""
    if e.stage == "warmup":
        return None
    finding = e.firing("response_length", "length_change", "clip_ratio")
    if finding is None or finding.reason not in ("grew", "above"):
        return None
    reward = e.trend(m.REWARD)
    if reward is not None and reward.t < -2 and reward.change < -0.1 * abs(reward.level):
        return None
    return e.values(m.LENGTH, m.CLIP_RATIO, m.REWARD)


def converged(e: Evidence) -> Proof | None:
    """Stage 2: the critic can hardly tell the two apart, or all is level."""
    if e.stage != "stage2" or e.worst == "critical":
        return None
    if e.firing("converged", "settled") is None:
        return None
    return e.values(m.SCORE_DIFF, m.RANKING_LOSS, m.D_ACC)


def negative_reward_is_normal(e: Evidence) -> Proof | None:
    """Warm-up, a reward below zero, and nothing wrong with the critic's bands."""
    if e.stage != "warmup" or e.worst == "critical":
        return None
    reward = e.first_of(m.DISCRIMINATOR, m.REWARD)
    if reward is None or reward[1] >= 0:
        return None
    if e.firing("d_acc_band", "score_diff_band", "reward_range", "score_drift"):
        return None
    return e.values(m.REWARD, m.DISCRIMINATOR, m.D_ACC, m.SCORE_DIFF)


PATTERNS: tuple[tuple[Pattern, str], ...] = (
    (broken_numbers, "critical"),
    (critic_collapse, "critical"),
    (labels_swapped, "critical"),
    (gradient_explosion, "critical"),
    (dead_actor, "critical"),
    (critic_not_learning, "critical"),
    (length_hacking, "critical"),
    (shortcut_learning, "warning"),
    (critic_saturated, "warning"),
    (critic_overconfident, "warning"),
    (score_drift, "warning"),
    (actor_not_learning, "warning"),
    (gradient_spike, "warning"),
    (converged, "info"),
    (high_d_acc_small_gap, "info"),
    (negative_reward_is_normal, "info"),
)
"""Every pattern with its severity, the gravest first."""


def diagnose(evidence: Evidence) -> tuple[Diagnosis, ...]:
    """Every diagnosis that the evidence supports, the gravest first."""
    found = ((pattern, severity, pattern(evidence)) for pattern, severity in PATTERNS)
    return tuple(
        Diagnosis(pattern.__name__, severity, proof)
        for pattern, severity, proof in found
        if proof is not None
    )
