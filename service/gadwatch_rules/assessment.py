"""The assessment: one shape for REST, the command line, alerts and reports."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from gadwatch_rules import gate
from gadwatch_rules.findings import Finding
from gadwatch_rules.gate import CLAUSES, SAFETY, Measured
from gadwatch_rules.gate_settings import GateSettings
from gadwatch_rules.inhibition import inhibitors, shown
from gadwatch_rules.jsonsafe import safe
from gadwatch_rules.texts import render

if TYPE_CHECKING:
    from gadwatch_rules.engine import Engine
    from gadwatch_rules.state import RunState


@dataclass(frozen=True, slots=True)
class ClauseFact:
    """One clause of the gate: what it saw, what it asks for, and why it says so."""

    id: str
    kind: str
    status: str
    observed: float | None
    required: str
    reason: str
    facts: Mapping[str, Any] = field(default_factory=dict)

    def as_dict(self, lang: str = "en") -> dict[str, Any]:
        """The clause of the assessment, JSON-safe."""
        return {
            "id": self.id,
            "kind": self.kind,
            "status": self.status,
            "observed": safe(self.observed),
            "required": self.required,
            "reason": render(
                "clauses",
                f"{self.id}_{self.reason}" if self.reason in ("pass", "fail") else self.reason,
                lang,
                {"observed": self.observed, "required": self.required, **self.facts},
            ),
        }


@dataclass(frozen=True, slots=True)
class Assessment:
    """What is known of a run now. ``as_dict`` is the public shape."""

    run: str
    stage: str
    steps: int
    last_step: int | None
    pack: str
    basis: str
    health: str
    verdict: str
    since_step: int | None
    first_ready_step: int | None
    clauses: tuple[ClauseFact, ...]
    findings: tuple[Finding, ...]
    diagnoses: tuple[Any, ...]
    lang: str = "en"

    def as_dict(self, lang: str | None = None) -> dict[str, Any]:
        """The assessment as JSON carries it."""
        lang = lang or self.lang
        return {
            "run": self.run,
            "stage": self.stage,
            "steps": self.steps,
            "last_step": self.last_step,
            "pack": self.pack,
            "basis": self.basis,
            "health": self.health,
            "readiness": {
                "verdict": self.verdict,
                "since_step": self.since_step,
                "first_ready_step": self.first_ready_step,
                "clauses": [clause.as_dict(lang) for clause in self.clauses],
            },
            "findings": [finding.as_dict(lang) for finding in self.findings],
            "diagnoses": [diagnosis.as_dict(lang) for diagnosis in self.diagnoses],
        }


STATUS_WORDS = {gate.PASS: "pass", gate.FAIL: "fail", gate.NOT_KNOWN: "unknown"}


def clause_facts(view: gate.GateView, settings: GateSettings) -> tuple[ClauseFact, ...]:
    """Every clause of the gate with its words."""
    return tuple(
        clause_fact(clause.__name__, clause in SAFETY, measured, settings)
        for clause, measured in zip(CLAUSES, gate.measure(view, settings), strict=True)
    )


def clause_fact(name: str, safety: bool, measured: Measured, settings: GateSettings) -> ClauseFact:
    """One measured clause with its words."""
    status = STATUS_WORDS[measured.status]
    return ClauseFact(
        name,
        "safety" if safety else "target",
        status,
        measured.observed,
        required(name, settings),
        measured.reason or status,
        {"window": int(settings.window)},
    )


def required(name: str, s: GateSettings) -> str:
    """What a clause asks for, as a person reads it."""
    return {
        "finite_values": "0 non-finite values",
        "d_acc_confidence": f"> {s.d_acc_floor:.2f}",
        "grad_norm_peak": f"<= {s.grad_norm_peak:g}",
        "reward_range": f"{s.reward_low:g} … {s.reward_high:g}",
        "score_diff_floor": f"> {s.score_diff_floor:g}",
        "data_fresh": f"< {s.fresh_steps:g} steps old",
        "no_critical": "0",
        "d_acc_band": f"{s.d_acc_low:.2f} … {s.d_acc_high:.2f}",
        "score_diff_band": f"{s.score_diff_low:g} … {s.score_diff_high:g}",
        "grad_norm_band": f"{s.grad_norm_low:g} … {s.grad_norm_high:g}",
        "ranking_loss_steady": f"<= {s.loss_variation:g}",
        "rewards_agree": f"within {s.agreement_absolute:g} + {s.agreement_relative * 100:g} %",
        "min_steps": f">= {s.min_steps:g}",
    }[name]


def build(engine: Engine, state: RunState, run: str, lang: str) -> Assessment:
    """The assessment of a state."""
    program = engine.program(state)
    findings = current_findings(state, program.rules)
    settings = program.pack.gate
    return Assessment(
        run=run,
        stage=state.stage,
        steps=state.steps,
        last_step=state.last_step,
        pack=program.pack.label,
        basis="window",
        health=health_of(findings, judged=state.position > 0),
        verdict=state.latch.verdict,
        since_step=state.latch.since_step,
        first_ready_step=state.latch.first_ready_step,
        clauses=clause_facts(state, settings) if settings else (),
        findings=findings,
        diagnoses=(),
        lang=lang,
    )


def current_findings(state: RunState, rules: tuple[Any, ...]) -> tuple[Finding, ...]:
    """What is pending or firing and not said more strongly by another finding."""
    active = sorted(state.active)
    hidden = inhibitors(active, state.cells, rules)
    found = []
    for index in active:
        cell, rule = state.cells[index], rules[index]
        if index in hidden or not shown(cell):
            continue
        found.append(
            Finding(
                rule.id,
                rule.metric,
                cell.severity.word,
                cell.state.word,
                cell.first_step,
                cell.last_step,
                cell.value,
                cell.limit,
                cell.reason,
                dict(cell.facts),
            )
        )
    weight = {"critical": 0, "warning": 1, "notice": 2, "info": 3}
    found.sort(key=lambda one: (one.state != "firing", weight[one.severity], one.first_step))
    return tuple(found)


def health_of(findings: tuple[Finding, ...], *, judged: bool) -> str:
    """The worst firing severity; notices and pending findings leave a run ok."""
    firing = {finding.severity for finding in findings if finding.state == "firing"}
    if "critical" in firing:
        return "critical"
    if "warning" in firing:
        return "warning"
    return "ok" if judged else "unknown"
