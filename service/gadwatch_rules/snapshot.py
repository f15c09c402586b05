"""One step judged by itself: no history, so nothing about time."""

from collections.abc import Mapping

from gadwatch_rules import gate, measures
from gadwatch_rules.assessment import Assessment, health_of
from gadwatch_rules.clauses import ClauseFact, clause_fact
from gadwatch_rules.diagnoses import diagnose
from gadwatch_rules.engine import Engine
from gadwatch_rules.evidence import Evidence
from gadwatch_rules.findings import Finding
from gadwatch_rules.primitives import Rule
from gadwatch_rules.program import Program
from gadwatch_rules.results import Severity, Status
from gadwatch_rules.state import RunState
from gadwatch_rules.step import Step

NEEDS_HISTORY = frozenset(
    {"data_fresh", "ranking_loss_steady", "rewards_agree", "critic_settled", "min_steps"}
)
"""Clauses about time: a snapshot says that it does not assess them."""


def snapshot(metrics: Mapping[str, float], stage: str = "warmup", lang: str = "en") -> Assessment:
    """Assess one step's metrics (canonical names or aliases), clause by clause.

    Levels are taken as they are: no smoothing, no hold and no grace. The verdict counts the
    clauses that one step can answer.
    """
    engine = Engine.for_run(stage)
    state = engine.new_state()
    engine.advance(state, [Step(0, metrics)])
    program = engine.program(state)
    # A snapshot stands for a critic that has had its time.
    state.age = state.warmup_steps
    findings = []
    for rule in _concerned(state, program):
        result = rule.judge(state, firing=False)
        if result is None or result.status in (Status.OK, Status.UNKNOWN):
            continue
        severity = Severity.CRITICAL if result.status is Status.CRITICAL else rule.hold.warning
        findings.append(
            Finding(
                rule.id,
                rule.metric,
                severity.word,
                "firing",
                0,
                0,
                result.value,
                result.limit,
                result.reason,
                {**result.facts, **rule.extra_facts},
            )
        )
    health = health_of(tuple(findings), judged=True)
    clauses: tuple[ClauseFact, ...] = ()
    verdict = gate.INSUFFICIENT
    if program.pack.gate is not None:
        settings = program.pack.gate._replace(window=1, min_steps=1)
        state.open_critical = sum(finding.severity == "critical" for finding in findings)
        facts, answered = [], []
        for clause in measures.CLAUSES:
            name = clause.__name__
            if name in NEEDS_HISTORY:
                measured: measures.Measured = (measures.NOT_KNOWN, None, False, "no_history")
            else:
                measured = clause(state, settings)
                answered.append(measured)
            facts.append(clause_fact(name, clause in measures.SAFETY, measured, settings))
        clauses, verdict = tuple(facts), gate.verdict(answered)
    return Assessment(
        run="snapshot",
        stage=stage,
        steps=1,
        last_step=None,
        pack=program.pack.label,
        basis="snapshot",
        health=health,
        verdict=verdict,
        since_step=None,
        first_ready_step=None,
        clauses=clauses,
        findings=tuple(findings),
        diagnoses=diagnose(Evidence(state, findings, history=False)),
        lang=lang,
    )


def _concerned(state: RunState, program: Program) -> list[Rule]:
    """The rules that the step's values trigger, in the pack's order."""
    placed = [one for metric in state.folded for one in program.by_metric.get(metric, ())] + [
        (at, program.rules[at]) for at in program.finite_indexes
    ]
    return [rule for _, rule in sorted(placed, key=lambda one: one[0])]
