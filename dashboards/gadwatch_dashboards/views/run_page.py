"""What the whole page of a run is made of."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Any
from urllib.parse import urlencode

from gadwatch_dashboards.figures.catalogue import charts_for, remaining
from gadwatch_dashboards.figures.series import Axis, Series, View, Zone
from gadwatch_dashboards.formats import number
from gadwatch_dashboards.texts import Texts
from gadwatch_dashboards.views.charts import DataTable, data_table, summary
from gadwatch_dashboards.views.run import StatusView
from gadwatch_dashboards.views.timeline import Timeline
from gadwatch_service.runs.view import RunView


@dataclass(frozen=True)
class PageState:
    """The view's state; all of it is in the page's address."""

    axis: Axis = "step"
    smooth: float = 0.0
    log: bool = False
    robust: bool = False
    first: int | None = None
    last: int | None = None
    pin: tuple[str, ...] = ()
    q: str = ""
    attempt: int | None = None

    def view(self, theme: str) -> View:
        """The same for a figure."""
        return View(
            axis=self.axis,
            smooth=self.smooth,
            log=self.log,
            robust=self.robust,
            first=self.first,
            last=self.last,
            theme="dark" if theme == "dark" else "light",
        )


@dataclass(frozen=True)
class ChartCard:
    """A chart's place on the page; the curve itself comes when it is seen.

    ``exports`` are ``(run's name, address)`` where it shows several runs, else there is ``export``.
    """

    anchor: str
    title: str
    metrics: tuple[str, ...]
    source: str
    export: str = ""
    unit: str = ""
    summary: str = ""
    table: DataTable | None = None
    exports: Sequence[tuple[str, str]] = ()


@dataclass(frozen=True)
class AttemptRow:
    """One process' part of the run; ``shown`` is the one on this page."""

    number: int
    address: str
    shown: bool
    first_step: int | None
    started_at: datetime
    stage: str


@dataclass(frozen=True)
class Against:
    """Another run to compare the configuration with: ``(key, (this run's value, the other's))``."""

    run_id: str
    name: str
    differences: Sequence[tuple[str, Sequence[str]]]


@dataclass(frozen=True, kw_only=True)
class RunStatus:
    """The page's upper half."""

    view: StatusView
    timeline: Timeline | None
    chart_of: Mapping[str, str] = field(default_factory=dict)
    may_write: bool = False


@dataclass(frozen=True, kw_only=True)
class RunPage(RunStatus):
    """All of the page; ``old_attempt`` is its number when the page shows not the judged one."""

    state: PageState
    old_attempt: int | None = None
    charts: Sequence[ChartCard]
    groups: Sequence[tuple[str, Sequence[ChartCard]]]
    metric_count: int
    pinned: Sequence[ChartCard] = ()
    config: Sequence[tuple[str, str]] = ()
    against: Against | None = None
    others: Sequence[tuple[str, str]] = ()
    attempts: Sequence[AttemptRow] = ()
    losses: Sequence[tuple[str, int]] = ()
    events_url: str = ""


def chart_cards(
    run_id: str,
    logged: Sequence[str],
    series: Mapping[str, Series],
    zones: Mapping[str, Zone],
    texts: Texts,
    first_step: int | None = None,
    old_attempt: int | None = None,
    *,
    zoomed: bool = False,
) -> list[ChartCard]:
    """The leading charts, with summaries and tables from the series at hand.

    ``first_step`` says where these begin if they do not begin with the run.
    """
    return [
        card(
            run_id,
            chart.chart_id,
            texts(f"chart.title.{chart.chart_id}"),
            tuple(metric for metric in chart.metrics if metric in logged),
            [series[metric] for metric in chart.metrics if metric in series],
            zones.get(chart.metrics[0], Zone()),
            texts,
            first_step=first_step,
            old_attempt=old_attempt,
            zoomed=zoomed,
        )
        for chart in charts_for(logged)
    ]


def metric_groups(
    run_id: str, logged: Sequence[str], texts: Texts, old_attempt: int | None = None
) -> list[tuple[str, list[ChartCard]]]:
    """All other metrics by prefix; their summaries come with their curves."""
    return [
        (prefix, [metric_card(run_id, metric, texts, old_attempt) for metric in metrics])
        for prefix, metrics in remaining(logged).items()
    ]


def metric_card(
    run_id: str,
    metric: str,
    texts: Texts,
    old_attempt: int | None = None,
) -> ChartCard:
    """The card of one metric alone."""
    return card(
        run_id,
        anchor_of(metric),
        metric,
        (metric,),
        [],
        Zone(),
        texts,
        old_attempt=old_attempt,
    )


def card(
    run_id: str,
    anchor: str,
    title: str,
    metrics: tuple[str, ...],
    series: Sequence[Series],
    zone: Zone,
    texts: Texts,
    *,
    first_step: int | None = None,
    old_attempt: int | None = None,
    zoomed: bool = False,
) -> ChartCard:
    """A chart's card; ``series`` may be empty when the curve comes later."""
    of_attempt = [] if old_attempt is None else [("attempt", str(old_attempt))]
    query = urlencode([*(("metric", metric) for metric in metrics), *of_attempt])
    said = summary(series, zone, texts, zoomed=zoomed) if series else ""
    if said and first_step is not None:
        said += " · " + texts("finding.since", first=number(first_step))
    return ChartCard(
        anchor=anchor,
        title=title,
        metrics=metrics,
        source=f"/runs/{run_id}/figure?chart={anchor}&{query}",
        export=f"/api/v1/runs/{run_id}/export?format=csv&{query}",
        summary=said,
        table=data_table(series, texts) if series else None,
    )


@lru_cache(maxsize=10_000)
def anchor_of(metric: str) -> str:
    """A metric's name as part of an element's id."""
    return "".join(c if c.isalnum() or c in "-_." else "-" for c in metric)


def flat_config(config: Mapping[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    """A nested configuration as ``a.b.c`` and text, sorted by key."""
    pairs: list[tuple[str, str]] = []
    for key, value in sorted(config.items()):
        name = f"{prefix}{key}"
        if isinstance(value, Mapping):
            pairs += flat_config(value, f"{name}.")
        else:
            pairs.append((name, str(value)))
    return pairs


def chart_of(logged: Sequence[str]) -> dict[str, str]:
    """Metric -> the anchor of the chart that shows it, for links from findings."""
    charted = {metric: one.chart_id for one in charts_for(logged) for metric in one.metrics}
    return {metric: charted.get(metric, anchor_of(metric)) for metric in logged}


def attempt_rows(attempts: Sequence[Any], shown: RunView, texts: Texts) -> list[AttemptRow]:
    """The run's attempts, the newest first; its address is the run's own."""
    address, newest = f"/runs/{shown.run_id}", attempts[-1].attempt if attempts else 1
    return [
        AttemptRow(
            number=attempt.attempt,
            address=f"{address}?attempt={attempt.attempt}" if attempt.attempt < newest else address,
            shown=attempt.attempt == shown.attempt,
            first_step=attempt.first_step,
            started_at=attempt.started_at,
            stage=" → ".join(
                texts.maybe(f"stage.{change['stage']}", change["stage"] or "–")
                for change in attempt.stages
            ),
        )
        for attempt in reversed(attempts)
    ]
