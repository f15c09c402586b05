"""``/compare?run=…``: up to ten runs, overlaid by metric."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import HTMLResponse
from sqlalchemy.ext.asyncio import AsyncSession

from gadwatch_dashboards.figures import Content, Series, figure_json
from gadwatch_dashboards.figures.bounds import zones
from gadwatch_dashboards.figures.catalogue import CHARTS, charts_for
from gadwatch_dashboards.figures.series import Zone
from gadwatch_dashboards.pages import repository
from gadwatch_dashboards.pages.context import Page
from gadwatch_dashboards.pages.curves import curves
from gadwatch_dashboards.pages.packed import packed
from gadwatch_dashboards.pages.state import state_of
from gadwatch_dashboards.palette import Theme, run_styles
from gadwatch_dashboards.views.charts import data_table, summary
from gadwatch_dashboards.views.compare import ComparedRun, compared, config_differences
from gadwatch_dashboards.views.run_page import ChartCard, PageState
from gadwatch_dashboards.views.runs import KEY_METRICS
from gadwatch_dashboards.views.timeline import stage2_step
from gadwatch_service.access.guard import requires
from gadwatch_service.errors import NotFound
from gadwatch_service.runs import service
from gadwatch_service.runs.query import RunQuery
from gadwatch_service.runs.view import RunView
from gadwatch_service.series.service import MOST_METRICS
from gadwatch_service.store.database import get_session

router = APIRouter(include_in_schema=False, dependencies=[Depends(requires("read"))])
Database = Annotated[AsyncSession, Depends(get_session, scope="function")]
Runs = Annotated[list[str] | None, Query(max_length=50)]

MOST_RUNS = 10
CANDIDATES = 50
FIGURE_POINTS = 600


@dataclass(frozen=True)
class ComparePage:
    """What the template shows."""

    rows: Sequence[ComparedRun]
    candidates: Sequence[tuple[str, str]]
    align: str
    state: PageState
    charts: Sequence[ChartCard]
    differences: Sequence[tuple[str, Sequence[str]]]
    left_out: Sequence[str] = ()
    absent: Sequence[str] = ()
    most: int = MOST_RUNS
    key_metrics: Sequence[str] = tuple(KEY_METRICS)


@router.get("/compare")
async def show_comparison(
    request: Request,
    database: Database,
    run: Runs = None,
    align: str = "step",
    baseline: str = "",
) -> HTMLResponse:
    """Verdicts, values against a baseline, curves and differences of configuration."""
    page = Page(request, "compare")
    found, absent = await _chosen(database, page, run)
    runs = found[:MOST_RUNS]
    base = next((one for one in runs if one.run_id == baseline), runs[0] if runs else None)
    newest = await service.list_runs(
        database, RunQuery(projects=page.identity.projects, limit=CANDIDATES)
    )
    ids = [one.run_id for one in runs]
    logged = sorted({metric for one in runs for metric in one.metrics})
    shown = ComparePage(
        rows=compared(runs, base, page.texts, partial(_address, page)) if base else (),
        candidates=[(one.run_id, one.name) for one in newest.runs if one.run_id not in ids],
        align="stage" if align == "stage" else "step",
        state=state_of(request),
        charts=[
            _card(chart.chart_id, metric, runs, align, page)
            for chart in charts_for(logged)
            for metric in chart.metrics
            if metric in logged
        ],
        differences=config_differences([one.config for one in runs]),
        left_out=[one.name for one in found[MOST_RUNS:]],
        absent=absent,
    )
    return page.answer("compare.html", page=shown)


@router.get("/compare/figure")
async def show_figure(
    request: Request,
    database: Database,
    metric: Annotated[str, Query(max_length=250)],
    run: Runs = None,
    align: str = "step",
) -> Response:
    """One metric of all chosen runs."""
    page = Page(request, "compare")
    runs = (await _chosen(database, page, run))[0][:MOST_RUNS]
    theme = _theme(request.query_params.get("theme", ""))
    state = state_of(request)
    series = []
    for one, (colour, dash) in zip(
        runs, run_styles([one.run_id for one in runs], theme), strict=True
    ):
        read = _from_stage if align == "stage" else _from_step
        found = await read(database, one, metric, state)
        if found is not None and found.steps:
            series.append(replace(found, label=one.name, colour=colour, dash=dash))
    bounds: Mapping[str, Zone] = {}
    if runs:
        overrides = await repository.project_overrides(database, runs[0].project)
        bounds = zones(runs[0].pack, {**overrides, **runs[0].overrides}, page.texts)
    content = Content(metric, series, zone=bounds.get(metric, Zone()), legend=False)
    table = data_table(series, page.texts)
    return packed(
        request,
        {
            "figure": figure_json(content, state.view(theme)),
            "summary": summary(series, content.zone, page.texts, zoomed=state.last is not None),
            "table": {"columns": table.columns, "rows": table.rows},
        },
    )


async def _chosen(
    database: AsyncSession, page: Page, run_ids: Runs
) -> tuple[list[RunView], list[str]]:
    """The runs that exist for the reader, and the ids of those that do not."""
    found, absent = [], []
    for run_id in dict.fromkeys(run_ids or ()):
        try:
            found.append(await service.get_run(database, run_id, page.identity.sees))
        except NotFound:
            absent.append(run_id)
    return found, [run_id for run_id in absent if run_id]


async def _from_step(
    database: AsyncSession, run: RunView, metric: str, state: PageState
) -> Series | None:
    return (await curves(database, run, [metric], points=FIGURE_POINTS, state=state)).get(metric)


async def _from_stage(
    database: AsyncSession, run: RunView, metric: str, state: PageState
) -> Series | None:
    """The curve with its stage's first step as 0, as the zoom counts, and that step's time."""
    attempts = await service.get_attempts(database, run.run_id)
    start = stage2_step(attempts[-1].stages, run.first_step)
    origin = start if start is not None else run.first_step or 0
    zoom = [None if end is None else end + origin for end in (state.first, state.last)]
    moved = replace(state, first=zoom[0], last=zoom[1])
    found = await _from_step(database, run, metric, moved)
    if found is None:
        return None
    aligned = replace(found, steps=[step - origin for step in found.steps])
    if state.axis != "relative":
        return aligned
    # Whichever metric was logged at that step tells its time.
    at = replace(state, first=origin, last=origin)
    there = await curves(database, run, run.metrics[:MOST_METRICS], points=2, state=at)
    started = next((one.times[0] for one in there.values() if one.times), found.started)
    return replace(aligned, started=started)


def _card(chart_id: str, metric: str, runs: Sequence[RunView], align: str, page: Page) -> ChartCard:
    query = [("metric", metric), ("align", align), *(("run", one.run_id) for one in runs)]
    points = urlencode({"format": "csv", "metric": metric})
    alone = next(chart for chart in CHARTS if chart.chart_id == chart_id).metrics == (metric,)
    return ChartCard(
        anchor=metric.replace("/", "-"),
        title=page.texts(f"chart.title.{chart_id}") if alone else metric,
        metrics=(metric,),
        source=f"/compare/figure?{urlencode(query)}",
        exports=[
            (one.name, f"/api/v1/runs/{one.run_id}/export?{points}")
            for one in runs
            if metric in one.metrics
        ],
        unit=metric if alone else "",
    )


def _address(page: Page, run_ids: Sequence[str], baseline: str) -> str:
    """The page's address for other runs; the rest of the view stays."""
    rest = [pair for pair in page.ui.query if pair[0] not in {"run", "baseline"}]
    query = [*rest, *(("run", run_id) for run_id in run_ids), ("baseline", baseline)]
    return f"/compare?{urlencode(query)}"


def _theme(wish: str) -> Theme:
    return "dark" if wish == "dark" else "light"
