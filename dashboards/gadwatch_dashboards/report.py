"""A run's analysis as one file: text from the rules, charts from the pages' figures.

For a log file as well as for a stored run::

    series = series_of(steps)                    # gadwatch_rules.Step
    html(assessment, series, warmup_steps=253)   # one self-contained HTML file
    markdown(assessment, series)                 # the same without charts
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from gadwatch_dashboards import assets
from gadwatch_dashboards.figures import Mark, Series, figure_json
from gadwatch_dashboards.figures.bounds import zones
from gadwatch_dashboards.figures.catalogue import charts_for, content_of
from gadwatch_dashboards.figures.smoothing import thinned
from gadwatch_dashboards.templating import Ui, render
from gadwatch_dashboards.texts import Texts
from gadwatch_dashboards.views.charts import DataTable, data_table, summary
from gadwatch_dashboards.views.run import anchor_of
from gadwatch_rules import Step, canonical_name
from gadwatch_rules import report as rules_report
from gadwatch_rules.assessment import Assessment
from gadwatch_rules.catalogue import means_percent

HEADLINE = rules_report.HEADLINE
"""The metrics of the report's table of values."""

POINTS = 2000
"""Most points of a curve in a report."""


@dataclass(frozen=True)
class Chart:
    """A chart of the report; ``figure`` is plotly's JSON, safe inside a script element."""

    anchor: str
    title: str
    summary: str
    figure: Markup
    table: DataTable


def markdown(
    assessment: Assessment,
    series: Mapping[str, Series],
    *,
    lang: str = "en",
    warmup_steps: int | None = None,
) -> str:
    """The analysis as Markdown, without charts."""
    return rules_report.markdown(assessment, summaries(series), lang, warmup_steps)


def html(
    assessment: Assessment,
    series: Mapping[str, Series],
    *,
    lang: str = "en",
    warmup_steps: int | None = None,
    stage2_from: int | None = None,
) -> str:
    """The analysis as one HTML file with its charts; it asks for nothing from anywhere.

    ``series`` are by canonical metric name; ``stage2_from`` is the first step of stage 2.
    """
    return render(
        "report_file.html",
        Ui(lang=lang),
        run=assessment.run,
        sections=sections(assessment, series, lang, warmup_steps),
        charts=charts(assessment, series, lang, stage2_from),
        style=assets.embedded("app.css"),
        plotly=assets.embedded("vendor/plotly-basic.min.js"),
        script=assets.embedded("report.js"),
    )


def sections(
    assessment: Assessment,
    series: Mapping[str, Series],
    lang: str,
    warmup_steps: int | None,
) -> Sequence[rules_report.Section]:
    """The parts of the text, in order."""
    return rules_report.parts(assessment, summaries(series), lang, warmup_steps)


def summaries(series: Mapping[str, Series]) -> dict[str, rules_report.Summary]:
    """Every series in short; those without a finite value are left out."""
    found = {name: rules_report.summarise(one.values) for name, one in series.items()}
    return {name: one for name, one in found.items() if one is not None}


def charts(
    assessment: Assessment,
    series: Mapping[str, Series],
    lang: str,
    stage2_from: int | None,
) -> list[Chart]:
    """The leading charts with their bounds and findings."""
    texts = Texts(lang)
    bounds = zones(assessment.pack, {}, texts)
    found = []
    for chart in charts_for(list(series)):
        drawn = [thinned(series[name], POINTS) for name in chart.metrics if name in series]
        marks = [
            Mark(one.first_step, one.last_step, one.severity, one.message(lang),
                 anchor_of(one.rule, one.metric, one.first_step))
            for one in assessment.findings
            if one.metric in chart.metrics and one.state != "pending"
        ]  # fmt: skip
        content = content_of(chart.chart_id, drawn, bounds, marks, stage2_from, texts)
        found.append(
            Chart(
                anchor=chart.chart_id,
                title=content.title,
                summary=summary(drawn, content.zone, texts),
                figure=script_json(figure_json(content)),
                table=data_table(drawn, texts),
            )
        )
    return found


def series_of(steps: Iterable[Step]) -> dict[str, Series]:
    """The series of some steps by canonical name; metrics logged as percent become fractions."""
    points: dict[str, list[tuple[int, float, float | None]]] = {}
    for step in steps:
        for name, value in step.metrics.items():
            known = canonical_name(name)
            points.setdefault(known, []).append((step.step, float(value), step.time))
    return {name: _series(name, held) for name, held in points.items()}


def _series(name: str, held: Sequence[tuple[int, float, float | None]]) -> Series:
    scale = 0.01 if any(means_percent(name, value) for _, value, _ in held) else 1.0
    timed = all(time is not None for _, _, time in held)
    return Series(
        name,
        [step for step, _, _ in held],
        [value * scale for _, value, _ in held],
        [time for _, _, time in held if time is not None] if timed else [],
    )


def script_json(value: dict[str, Any]) -> Markup:
    """JSON that cannot end the script element it stands in."""
    text = json.dumps(value, allow_nan=False, separators=(",", ":"), ensure_ascii=False)
    for sign in "<>&\u2028\u2029":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return Markup(text)  # noqa: S704 - every sign that HTML knows is escaped above
