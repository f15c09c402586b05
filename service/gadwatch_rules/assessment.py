"""The assessment: one shape for REST, the command line, alerts and reports."""

from dataclasses import dataclass
from typing import Any

from gadwatch_rules.clauses import ClauseFact, clause_facts
from gadwatch_rules.diagnoses import Diagnosis, diagnose
from gadwatch_rules.evidence import Evidence
from gadwatch_rules.findings import Finding
from gadwatch_rules.inhibition import inhibitors, shown
from gadwatch_rules.program import Program
from gadwatch_rules.state import RunState
from gadwatch_rules.transitions import current_verdict

GRACE_STEPS = 50
GRACE_SHARE = 0.25


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
    diagnoses: tuple[Diagnosis, ...]
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


def build(program: Program, state: RunState, run: str, lang: str) -> Assessment:
    """The assessment of a state."""
    findings = current_findings(state, program.rules)
    settings = program.pack.gate
    verdict, since = current_verdict(state)
    return Assessment(
        run=run,
        stage=state.stage,
        steps=state.steps,
        last_step=state.last_step,
        pack=program.pack.label,
        basis="window",
        health=health_of(findings, judged=state.position > 0),
        verdict=verdict,
        since_step=since,
        first_ready_step=state.latch.first_ready_step,
        clauses=clause_facts(state, settings) if settings else (),
        findings=findings,
        diagnoses=diagnose(Evidence(state, findings, history=True, grace=grace_of(state))),
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
                {**cell.facts, **rule.extra_facts},
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


def grace_of(state: RunState) -> float:
    """Steps that a young critic is given: as in the level rules."""
    return max(GRACE_STEPS, GRACE_SHARE * state.warmup_steps) if state.stage == "warmup" else 0.0
