"""The gate's clauses in words: what each saw, what it asks for, and why it says so."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import inf
from typing import Any

from gadwatch_rules import gate
from gadwatch_rules.gate_settings import GateSettings
from gadwatch_rules.jsonsafe import safe
from gadwatch_rules.measures import (
    CLAUSES,
    FAIL,
    NOT_KNOWN,
    PASS,
    SAFETY,
    GateView,
    Measured,
)
from gadwatch_rules.results import Status
from gadwatch_rules.texts import fill, render, text


@dataclass(frozen=True, slots=True)
class ClauseFact:
    """One clause of the gate: what it saw, what it asks for, and why it says so."""

    id: str
    kind: str
    status: str
    observed: float | None
    required: str
    reason: str
    margin: float | None = None
    """How far the observed value lies inside its nearest bound, in its own unit; negative beyond.

    The bounds are those of ``required``, without tolerance. None where nothing was measured or a
    distance has no meaning.
    """
    facts: Mapping[str, Any] = field(default_factory=dict)

    def sentence(self, lang: str = "en") -> str:
        """Why the clause says so, for a person."""
        facts = {"observed": self.observed, "required": self.required, **self.facts}
        if self.reason in ("pass", "fail"):
            return fill(text("clauses", self.id, lang)[self.reason], facts)
        return render("clause_reasons", self.reason, lang, facts)

    def as_dict(self, lang: str = "en") -> dict[str, Any]:
        """The clause of the assessment, JSON-safe."""
        return {
            "id": self.id,
            "kind": self.kind,
            "status": self.status,
            "observed": safe(self.observed),
            "required": self.required,
            "margin": safe(self.margin),
            "reason": self.sentence(lang),
        }


STATUS_WORDS = {PASS: "pass", FAIL: "fail", NOT_KNOWN: "unknown"}


def clause_facts(view: GateView, settings: GateSettings) -> tuple[ClauseFact, ...]:
    """Every clause of the gate with its words."""
    return tuple(
        clause_fact(clause.__name__, clause in SAFETY, measured, settings)
        for clause, measured in zip(CLAUSES, gate.measure(view, settings), strict=True)
    )


def clause_fact(name: str, safety: bool, measured: Measured, settings: GateSettings) -> ClauseFact:
    """One measured clause with its words."""
    judged, observed, _, reason = measured
    status = STATUS_WORDS[judged]
    distance = margin(name, judged, observed, settings)
    tolerated = judged is PASS and distance is not None and distance < 0
    return ClauseFact(
        name,
        "safety" if safety else "target",
        status,
        observed,
        required(name, settings),
        reason or ("tolerated" if tolerated else status),
        distance,
        {"window": int(settings.window), "strong": settings.settled_d_acc},
    )


def margin(name: str, judged: Status, observed: float | None, s: GateSettings) -> float | None:
    """The distance of an observed value to the nearest bound of its clause."""
    bounds = {
        "d_acc_confidence": (s.d_acc_floor, inf),
        "grad_norm_peak": (-inf, s.grad_norm_peak),
        "reward_range": (s.reward_low, s.reward_high),
        "score_diff_floor": (s.score_diff_floor, inf),
        "data_fresh": (-inf, s.fresh_steps),
        "d_acc_band": (s.d_acc_low, s.d_acc_high),
        "score_diff_band": (s.score_diff_low, s.score_diff_high),
        "grad_norm_band": (s.grad_norm_low, s.grad_norm_high),
        "ranking_loss_steady": (-inf, 1.0),
        "critic_settled": (-inf, s.settled_t),
        "min_steps": (s.min_steps, inf),
    }
    # What an unknown clause observed is a count of steps, which only min_steps is about.
    known = judged is not NOT_KNOWN or name == "min_steps"
    if observed is None or not known or name not in bounds:
        return None
    low, high = bounds[name]
    return min(observed - low, high - observed)


def required(name: str, s: GateSettings) -> str:
    """What a clause asks for, as a person reads it."""
    return {
        "finite_values": "0",
        "d_acc_confidence": f"> {s.d_acc_floor:.2f}",
        "grad_norm_peak": f"<= {s.grad_norm_peak:g}",
        "reward_range": f"{s.reward_low:g} … {s.reward_high:g}",
        "score_diff_floor": f"> {s.score_diff_floor:g}",
        "data_fresh": f"< {s.fresh_steps:g}",
        "no_critical": "0",
        "d_acc_band": f"{s.d_acc_low:.2f} … {s.d_acc_high:.2f}",
        "score_diff_band": f"{s.score_diff_low:g} … {s.score_diff_high:g}",
        "grad_norm_band": f"{s.grad_norm_low:g} … {s.grad_norm_high:g}",
        "ranking_loss_steady": "<= 1",
        "rewards_agree": f"within {s.agreement_absolute:g} + {s.agreement_relative * 100:g} %",
        "critic_settled": f"<= {s.settled_t:g}",
        "min_steps": f">= {s.min_steps:g}",
    }[name]
