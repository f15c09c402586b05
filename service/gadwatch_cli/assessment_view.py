"""An assessment as a person wants to read it in a terminal."""

from collections.abc import Iterable, Mapping
from typing import Any

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

# A word, an icon and a colour: none of the three alone has to carry the state.
HEALTH = {
    "ok": ("✔", "green"),
    "warning": ("▲", "yellow"),
    "critical": ("✖", "bold red"),
    "unknown": ("?", "dim"),
}
VERDICTS = {
    "ready": ("✔", "bold green", "ready for stage 2"),
    "not_ready": ("✖", "yellow", "not ready for stage 2"),
    "insufficient_data": ("…", "dim", "not enough data to say"),
}
CLAUSE = {"pass": ("✔", "green"), "fail": ("✖", "red"), "unknown": ("?", "dim")}
SEVERITY = {
    "critical": ("✖", "bold red"),
    "warning": ("▲", "yellow"),
    "notice": ("●", "cyan"),
    "info": ("●", "dim"),
}


def render(assessment: Mapping[str, Any]) -> RenderableType:
    """Everything: headline, open findings, clauses of the gate, diagnoses."""
    parts: list[RenderableType] = [headline(assessment)]
    findings = [f for f in assessment["findings"] if f["state"] != "resolved"]
    resolved = [f for f in assessment["findings"] if f["state"] == "resolved"]
    if findings:
        parts += [Text("\nFindings", style="bold"), Padding(_findings(findings), (0, 2))]
    if resolved:
        parts += [Text("\nResolved earlier", style="bold"), Padding(_findings(resolved), (0, 2))]
    clauses = assessment["readiness"]["clauses"]
    if clauses:
        parts += [Text("\nReadiness for stage 2", style="bold"), Padding(_clauses(clauses), (0, 2))]
    if assessment["diagnoses"]:
        parts.append(Text("\nDiagnoses", style="bold"))
        parts += [Padding(_diagnosis(d), (0, 2)) for d in assessment["diagnoses"]]
    return Group(*parts)


def headline(assessment: Mapping[str, Any]) -> Text:
    """One or two lines: who, how far, health, verdict and what judged it."""
    icon, style = HEALTH[assessment["health"]]
    line = Text.assemble(
        (f"{assessment['run']}  ", "bold"),
        (f"{icon} {assessment['health']}", style),
    )
    readiness = assessment["readiness"]
    # In stage 2 the clauses are gone, but that the warm-up was ready is still worth a word.
    if readiness["clauses"] or readiness["verdict"] == "ready":
        icon, style, words = VERDICTS[readiness["verdict"]]
        since = readiness.get("since_step")
        line.append(" · ").append(f"{icon} {words}", style)
        if readiness["verdict"] == "ready" and since is not None:
            line.append(f" since step {since}", style)
    facts = [f"stage {assessment['stage']}"]
    if assessment["basis"] == "snapshot":
        facts.append("one step alone: stability and history are not assessed")
    else:
        facts += [f"{assessment['steps']} steps", f"last step {assessment['last_step']}"]
    facts.append(f"judged by {assessment['pack']}")
    return line.append(f"\n{' · '.join(facts)}", "dim")


def verdict_line(step: int | None, answer: Mapping[str, Any], *, name: str | None = None) -> Text:
    """One line: how a run stands after a step.

    ``answer`` is an assessment, a readiness, or the service's reply to pushed steps.
    """
    readiness = answer.get("readiness") or answer.get("verdict") or answer
    verdict = readiness if isinstance(readiness, str) else readiness["verdict"]
    line = Text(f"{name}  " if name else "", style="bold")
    if step is not None:
        line.append(f"step {step:>4}  ", "dim")
    if "health" in answer:
        icon, style = HEALTH[answer["health"]]
        line.append(f"{icon} {answer['health']}  ", style)
    icon, style, words = VERDICTS[verdict]
    return line.append(f"{icon} {words}", style)


def _columns(kept: int) -> Table:
    """A borderless table whose first ``kept`` columns are never wrapped; the last one is text."""
    table = Table.grid(padding=(0, 2))
    for _ in range(kept):
        table.add_column(no_wrap=True)
    table.add_column(ratio=1)
    return table


def _findings(findings: Iterable[Mapping[str, Any]]) -> Table:
    table = _columns(3)
    for finding in findings:
        icon, style = SEVERITY[finding["severity"]]
        state = "" if finding["state"] == "firing" else f" ({finding['state']})"
        steps = f"step {finding['first_step']}"
        if finding["last_step"] != finding["first_step"]:
            steps = f"steps {finding['first_step']}–{finding['last_step']}"
        table.add_row(
            Text(f"{icon} {finding['severity']}{state}", style),
            Text(finding["rule"], "bold"),
            Text(steps, "dim"),
            Text(finding["message"]),
        )
    return table


def _clauses(clauses: Iterable[Mapping[str, Any]]) -> Table:
    table = _columns(2)
    for clause in clauses:
        icon, style = CLAUSE[clause["status"]]
        table.add_row(
            Text(f"{icon} {clause['status']}", style),
            Text(clause["id"], "bold"),
            Text(clause["reason"]),
        )
    return table


def _diagnosis(diagnosis: Mapping[str, Any]) -> RenderableType:
    _, style = SEVERITY.get(diagnosis["severity"], ("", ""))
    evidence = ", ".join(
        f"{name} {_number(value)}" for name, value in diagnosis["evidence"].items()
    )
    text = Text.assemble((diagnosis["id"], f"bold {style}"), (f"  {evidence}", "dim"))
    text.append(f"\n{diagnosis['explanation']}")
    for line in diagnosis["advice"]:
        text.append(f"\n→ {line}")
    return text


def _number(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    return "–" if value is None else str(value)
