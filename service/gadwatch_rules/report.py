"""The analysis of a run as Markdown: what the reference analysis did by hand, from the data.

Pure: an assessment and a summary of the series in, text out. ``parts`` gives the same
pieces for other forms (a page with charts).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite

from gadwatch_rules import catalogue as m
from gadwatch_rules.assessment import Assessment
from gadwatch_rules.step import Step
from gadwatch_rules.texts import fill, number, text

HEADLINE = (
    m.DISCRIMINATOR,
    m.REWARD,
    m.D_ACC,
    m.SCORE_DIFF,
    m.TEACHER,
    m.STUDENT,
    m.CRITIC_GRAD,
    m.RANKING_LOSS,
    m.VAL_D_ACC,
    m.PG_LOSS,
    m.ACTOR_GRAD,
    m.ENTROPY,
    m.LENGTH,
    m.CLIP_RATIO,
)
"""The metrics of the report's table, where the run has them."""


@dataclass(frozen=True, slots=True)
class Summary:
    """One series in short: means of its first and last tenth, extremes, newest value."""

    count: int
    broken: int
    first: float
    last: float
    lowest: float
    highest: float
    latest: float


@dataclass(frozen=True, slots=True)
class Section:
    """A part of the report: a heading, paragraphs, and perhaps a table or points."""

    id: str
    title: str
    paragraphs: tuple[str, ...] = ()
    header: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    points: tuple[str, ...] = ()


def summarise(values: Sequence[float]) -> Summary | None:
    """The summary of one series; None when it has no finite value."""
    finite = [value for value in values if isfinite(value)]
    if not finite:
        return None
    tenth = max(1, len(finite) // 10)
    return Summary(
        len(finite),
        len(values) - len(finite),
        sum(finite[:tenth]) / tenth,
        sum(finite[-tenth:]) / tenth,
        min(finite),
        max(finite),
        finite[-1],
    )


def summaries(steps: Iterable[Step]) -> dict[str, Summary]:
    """The summaries of all metrics of some steps, by canonical name."""
    series: dict[str, list[float]] = {}
    for step in steps:
        for name, value in step.metrics.items():
            series.setdefault(m.canonical_name(name), []).append(float(value))
    for name, values in series.items():
        metric = m.BY_NAME.get(name)
        if metric is not None and metric.percent and any(m.means_percent(name, v) for v in values):
            series[name] = [value * 0.01 for value in values]
    found = {name: summarise(values) for name, values in series.items()}
    return {name: summary for name, summary in found.items() if summary is not None}


def parts(
    assessment: Assessment,
    series: Mapping[str, Summary],
    lang: str = "en",
    warmup_steps: int | None = None,
) -> tuple[Section, ...]:
    """The report's sections, those without content left out."""
    made = (
        _question(assessment, lang),
        _verdict(assessment, lang, warmup_steps),
        _checks(assessment, lang),
        _values(series, lang),
        _negative(assessment, series, lang),
        _diagnoses(assessment, lang),
        _findings(assessment, lang),
        _trajectory(assessment, series, lang),
        _advice(assessment, lang),
    )
    return tuple(part for part in made if part is not None)


def markdown(
    assessment: Assessment,
    series: Mapping[str, Summary],
    lang: str = "en",
    warmup_steps: int | None = None,
) -> str:
    """The report as Markdown."""
    blocks = [f"# gadwatch: {_escape(assessment.run)}"]
    for part in parts(assessment, series, lang, warmup_steps):
        blocks.append(f"## {part.title}")
        blocks.extend(part.paragraphs)
        if part.rows:
            lines = [part.header, tuple("---" for _ in part.header), *part.rows]
            blocks.append("\n".join(f"| {' | '.join(line)} |" for line in lines))
        if part.points:
            blocks.append("\n".join(f"- {point}" for point in part.points))
    return "\n\n".join(blocks) + "\n"


def _word(key: str, lang: str) -> str:
    return str(text("words", key, lang))


def _say(key: str, lang: str) -> str:
    return str(text("report", key, lang))


def _escape(value: str) -> str:
    """Text that cannot end a table cell or start markup."""
    for sign in "\\`*_[]<>|":
        value = value.replace(sign, f"\\{sign}")
    return value.replace("\n", " ")


def _code(name: str) -> str:
    return "`" + name.replace("`", "").replace("|", "/") + "`"


def _question(assessment: Assessment, lang: str) -> Section:
    key = f"question_{assessment.stage}"
    return Section("question", _say("question", lang), (_say(key, lang),))


def _verdict(assessment: Assessment, lang: str, warmup_steps: int | None) -> Section:
    facts = {
        "run": _escape(assessment.run),
        "steps": assessment.steps,
        "health": _word(assessment.health, lang),
        "verdict": _word(assessment.verdict, lang),
    }
    gated = bool(assessment.clauses)
    lines = [fill(_say("verdict_line" if gated else "verdict_line_no_gate", lang), facts)]
    first = assessment.first_ready_step
    if gated and first is not None and assessment.verdict == "ready":
        since = {"since_step": assessment.since_step, "first_ready_step": first}
        lines.append(fill(_say("since", lang), since))
    if warmup_steps and first is not None:
        saved = warmup_steps - first
        key, name = ("saving", "saved") if saved >= 0 else ("costing", "late")
        planned = {"warmup_steps": warmup_steps, name: abs(saved)}
        lines.append(fill(_say(key, lang), planned))
    basis = {"pack": assessment.pack, "basis": _say(assessment.basis, lang)}
    lines.append(fill(_say("judged_by", lang), basis))
    return Section("verdict", _say("verdict", lang), tuple(lines))


def _checks(assessment: Assessment, lang: str) -> Section | None:
    if not assessment.clauses:
        return None
    keys = ("check", "kind", "observed", "required", "result", "reason")
    rows = tuple(
        (
            str(text("clauses", clause.id, lang)["title"]),
            _word(clause.kind, lang),
            "" if clause.observed is None else number(clause.observed),
            clause.required,
            _word(clause.status, lang),
            clause.sentence(lang),
        )
        for clause in assessment.clauses
    )
    return Section(
        "checks", _say("checks", lang), header=tuple(_say(key, lang) for key in keys), rows=rows
    )


def _values(series: Mapping[str, Summary], lang: str) -> Section | None:
    rows = tuple(
        (
            _code(name),
            number(one.latest),
            f"{number(one.lowest)} … {number(one.highest)}",
            f"{number(one.first)} → {number(one.last)}",
            str(one.count) + (f" (+{one.broken} NaN/∞)" if one.broken else ""),
        )
        for name in HEADLINE
        if (one := series.get(name)) is not None
    )
    keys = ("metric", "latest", "range_seen", "start_to_end", "points")
    if not rows:
        return None
    header = tuple(_say(key, lang) for key in keys)
    return Section("values", _say("values", lang), header=header, rows=rows)


def _negative(assessment: Assessment, series: Mapping[str, Summary], lang: str) -> Section | None:
    reward = series.get(m.DISCRIMINATOR) or series.get(m.REWARD)
    if assessment.stage != "warmup" or reward is None or reward.last >= 0:
        return None
    line = fill(_say("negative_line", lang), {"reward": reward.last})
    return Section("negative", _say("negative", lang), (line,))


def _diagnoses(assessment: Assessment, lang: str) -> Section | None:
    if not assessment.diagnoses:
        return None
    points = []
    for diagnosis in assessment.diagnoses:
        proof = ", ".join(
            f"{_code(name)} {number(value)}" for name, value in diagnosis.evidence.items()
        )
        words = text("diagnoses", diagnosis.id, lang)
        severity = _word(diagnosis.severity, lang)
        points.append(f"**{words['title']}** ({severity}): {words['explanation']} {proof}")
    return Section("diagnoses", _say("diagnoses", lang), points=tuple(points))


def _findings(assessment: Assessment, lang: str) -> Section:
    points = tuple(
        f"{_word(one.severity, lang)}, {_word(one.state, lang)}: {_escape(one.message(lang))}"
        for one in assessment.findings
    )
    nothing = () if points else (_say("no_findings", lang),)
    return Section("findings", _say("findings", lang), nothing, points=points)


def _trajectory(assessment: Assessment, series: Mapping[str, Summary], lang: str) -> Section | None:
    shown = (m.DISCRIMINATOR, m.REWARD, m.D_ACC, m.SCORE_DIFF, m.RANKING_LOSS)
    points = tuple(
        f"{_code(name)}: {number(series[name].first)} → {number(series[name].last)}"
        for name in shown
        if name in series
    )
    if not points or assessment.stage == "generic":
        return None
    title = _say("trajectory", lang)
    return Section("trajectory", title, (_say("expected_path", lang),), points=points)


def _advice(assessment: Assessment, lang: str) -> Section:
    points: list[str] = []
    if assessment.clauses:
        points.append(_say(f"advice_{assessment.verdict}", lang))
    for diagnosis in assessment.diagnoses:
        points.extend(text("diagnoses", diagnosis.id, lang)["advice"])
    for finding in assessment.findings:
        words = text("rules", finding.rule, lang)
        if finding.state == "firing" and finding.severity in ("warning", "critical"):
            points.extend(words["advice"] if isinstance(words, dict) else ())
    unique = tuple(dict.fromkeys(points))
    return Section("advice", _say("advice", lang), points=unique or (_say("no_advice", lang),))
