"""The page of one run: its verdict in a sentence, clauses, diagnoses, findings."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from gadwatch_dashboards import formats
from gadwatch_dashboards.texts import Texts
from gadwatch_dashboards.views.badges import Badge, badge
from gadwatch_dashboards.views.clauses import ClauseRow, clause_row
from gadwatch_dashboards.views.runs import duration
from gadwatch_dashboards.words import advice, title
from gadwatch_service.runs.view import RunView

SEVERITIES = ("critical", "warning", "notice", "info")
GRAVE = SEVERITIES[:2]
WHOLE_RUN = "run"
"""The metric of findings that are of none."""
Assessment = Mapping[str, Any]


@dataclass(frozen=True)
class FindingRow:
    """One finding; ``anchor`` is its element's id, ``chart`` the chart it is marked in."""

    anchor: str
    rule: str
    rule_title: str
    metric: str
    severity: Badge
    state: Badge
    first_step: int
    steps: str
    message: str
    firing: bool
    acknowledged_by: str = ""


@dataclass(frozen=True)
class DiagnosisCard:
    """What several metrics say together, and what to try."""

    diagnosis_id: str
    title: str
    severity: Badge
    evidence: tuple[tuple[str, str], ...]
    explanation: str
    advice: tuple[str, ...]


@dataclass(frozen=True)
class StatusView:
    """The upper half of a run's page, which live updates replace as a whole."""

    run: RunView
    headline: str
    subline: str
    todo: str
    tone: str
    icon: str
    health: Badge
    status: Badge
    stage: str
    last_step: str
    age: str
    duration: str
    progress: float | None
    clauses: tuple[ClauseRow, ...]
    passed: int
    findings: tuple[FindingRow, ...]
    diagnoses: tuple[DiagnosisCard, ...]
    pack: str
    basis: str
    has_margins: bool


def run_view(
    run: RunView,
    assessment: Assessment,
    texts: Texts,
    now: datetime,
    acknowledged: Mapping[tuple[str, str, int], str] | None = None,
) -> StatusView:
    """Everything above the charts.

    ``acknowledged`` maps (rule, metric, first step) of a finding to who has acknowledged it.
    """
    readiness = assessment["readiness"]
    clauses = tuple(clause_row(clause, texts) for clause in readiness["clauses"])
    findings = tuple(
        _finding(finding, texts, acknowledged or {}) for finding in ordered(assessment["findings"])
    )
    tone, icon = _look(run, assessment)
    return StatusView(
        run=run,
        headline=headline(assessment, texts),
        subline=subline(assessment, texts),
        todo=todo(run, assessment, texts),
        tone=tone,
        icon=icon,
        health=badge("health", assessment["health"], texts),
        status=badge("status", run.status, texts),
        stage=texts.maybe(f"stage.{run.stage}", run.stage),
        last_step=formats.number(run.last_step),
        age=formats.age(run.last_seen_at, now),
        duration=duration(run, now),
        progress=(
            min(1.0, run.last_step / run.warmup_steps)
            if run.stage == "warmup" and run.warmup_steps and run.last_step is not None
            else None
        ),
        clauses=clauses,
        passed=sum(clause["status"] == "pass" for clause in readiness["clauses"]),
        findings=findings,
        diagnoses=tuple(_diagnosis(found, texts) for found in assessment["diagnoses"]),
        pack=assessment["pack"],
        basis=assessment["basis"],
        has_margins=any(clause.get("margin") is not None for clause in readiness["clauses"]),
    )


def headline(assessment: Assessment, texts: Texts) -> str:
    """The verdict in one sentence."""
    readiness = assessment["readiness"]
    if assessment["stage"] == "stage2":
        return texts(f"headline.stage2.{assessment['health']}")
    if not readiness["clauses"] and assessment["stage"] != "warmup":
        return texts(f"headline.generic.{assessment['health']}")
    verdict = readiness["verdict"]
    if verdict == "ready":
        since = readiness.get("since_step")
        if since is None or assessment["basis"] == "snapshot":
            return texts("headline.ready")
        return texts("headline.ready_since", step=formats.number(since))
    return texts(f"headline.{verdict}")


def subline(assessment: Assessment, texts: Texts) -> str:
    """What stands in the way, or what to know: the second sentence."""
    firing = [f for f in ordered(assessment["findings"]) if f["state"] == "firing"]
    worst = next((f for f in firing if f["severity"] == "critical"), None)
    if worst is not None:
        return formats.signs(worst["message"])
    readiness = assessment["readiness"]
    if assessment["stage"] != "warmup":
        return formats.signs(firing[0]["message"]) if firing else texts("headline.nothing_open")
    by_status: dict[str, list[Mapping[str, Any]]] = {}
    for clause in readiness["clauses"]:
        by_status.setdefault(clause["status"], []).append(clause)
    if readiness["verdict"] == "ready":
        passed, total = len(by_status.get("pass", ())), len(readiness["clauses"])
        key = "headline.all_pass" if passed == total else "headline.most_pass"
        return texts(key, passed=passed, total=total)
    for status in ("fail", "unknown"):
        held = by_status.get(status)
        if held:
            names = ", ".join(title("clauses", clause["id"], texts.lang) for clause in held[:3])
            key = f"headline.clauses_{status}"
            return texts(key, count=len(held), total=len(readiness["clauses"]), names=names)
    return texts("headline.nothing_open")


def todo(run: RunView, assessment: Assessment, texts: Texts) -> str:
    """The first thing to do, if anything: by the gravest diagnosis, else by the gravest finding."""
    told = [one for one in assessment["diagnoses"] if one["severity"] in GRAVE and one["advice"]]
    if told:
        gravest = min(told, key=lambda one: GRAVE.index(one["severity"]))
        return str(gravest["advice"][0])
    firing = [f for f in ordered(assessment["findings"]) if f["state"] == "firing"]
    said = advice(firing[0]["rule"], texts.lang) if firing else ()
    if said and firing[0]["severity"] in GRAVE:
        if assessment["stage"] != "warmup" or firing[0]["severity"] == "critical":
            return said[0]  # the sentence before has named it
        rule, metric = firing[0]["rule"], firing[0]["metric"]
        name = title("rules", rule, texts.lang)
        named = name if metric == WHOLE_RUN else f"{name} ({metric})"
        return texts("needs.ailed", ailment=named, advice=said[0])
    if run.status != "running":
        return ""
    if assessment["stage"] == "warmup" and assessment["readiness"]["verdict"] == "ready":
        return texts("needs.hand_over")
    return texts("run.nothing_to_do") if assessment["health"] == "ok" else ""


def steps_of(first: int, last: int, texts: Texts, *, firing: bool) -> str:
    """When a finding held: ``since step 75``, ``steps 5–9``, ``step 5``."""
    if firing:
        return texts("finding.since", first=formats.number(first))
    if first == last:
        return texts("finding.step", step=formats.number(first))
    return texts("finding.steps", first=formats.number(first), last=formats.number(last))


def ordered(findings: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Firing before pending before resolved, worst first, newest first."""
    states = {"firing": 0, "pending": 1, "resolved": 2}
    rank = {severity: number for number, severity in enumerate(SEVERITIES)}
    return sorted(
        findings,
        key=lambda f: (
            states.get(f["state"], 3),
            rank.get(f["severity"], len(rank)),
            -f["last_step"],
        ),
    )


def anchor_of(rule: str, metric: str, first_step: int) -> str:
    """The id of a finding's element on the run's page."""
    return f"finding-{rule}-{metric.replace('/', '-')}-{first_step}"


def _look(run: RunView, assessment: Assessment) -> tuple[str, str]:
    if assessment["health"] == "critical":
        return "critical", "octagon"
    verdict = assessment["readiness"]["verdict"]
    if assessment["stage"] == "warmup" and verdict == "ready":
        return "ok", "flag"
    if assessment["health"] == "warning":
        return "warning", "triangle"
    if assessment["health"] == "ok" and assessment["stage"] != "warmup":
        return "ok", "check"
    if run.stage == "warmup" and verdict == "not_ready":
        return "warning", "clock"
    return "none", "dashed"


def _finding(
    finding: Mapping[str, Any], texts: Texts, acknowledged: Mapping[tuple[str, str, int], str]
) -> FindingRow:
    key = (finding["rule"], finding["metric"], finding["first_step"])
    return FindingRow(
        anchor=anchor_of(*key),
        rule=finding["rule"],
        rule_title=title("rules", finding["rule"], texts.lang),
        metric=finding["metric"],
        severity=badge("severity", finding["severity"], texts),
        state=badge("finding", finding["state"], texts),
        first_step=finding["first_step"],
        steps=steps_of(
            finding["first_step"],
            finding["last_step"],
            texts,
            firing=finding["state"] == "firing",
        ),
        message=formats.signs(finding["message"]),
        firing=finding["state"] == "firing",
        acknowledged_by=acknowledged.get(key, ""),
    )


def _diagnosis(found: Mapping[str, Any], texts: Texts) -> DiagnosisCard:
    return DiagnosisCard(
        diagnosis_id=found["id"],
        title=title("diagnoses", found["id"], texts.lang),
        severity=badge("severity", found["severity"], texts),
        evidence=tuple(
            (metric, formats.number(formats.as_float(value) if value is not None else None))
            for metric, value in found["evidence"].items()
        ),
        explanation=found["explanation"],
        advice=tuple(found["advice"]),
    )
