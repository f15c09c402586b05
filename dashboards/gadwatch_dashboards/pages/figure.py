"""``/runs/{id}/figure``: one chart of a run, made once for all who look at it."""

from typing import Any

from fastapi import APIRouter, Depends, Request, Response
from sqlalchemy.ext.asyncio import AsyncSession

from gadwatch_dashboards.figures import figure_json
from gadwatch_dashboards.figures.bounds import zones
from gadwatch_dashboards.figures.catalogue import content_of
from gadwatch_dashboards.pages import repository
from gadwatch_dashboards.pages.attempts import seen_in, stages_of
from gadwatch_dashboards.pages.context import Page
from gadwatch_dashboards.pages.curves import curves
from gadwatch_dashboards.pages.findings_of import findings_of
from gadwatch_dashboards.pages.packed import Packed
from gadwatch_dashboards.pages.state import state_of
from gadwatch_dashboards.views.charts import data_table, summary
from gadwatch_dashboards.views.timeline import stage2_step
from gadwatch_service.access.guard import requires
from gadwatch_service.runs import service
from gadwatch_service.runs.schemas import RunId
from gadwatch_service.runs.view import RunView
from gadwatch_service.shared import Shared
from gadwatch_service.store.database import database_of

router = APIRouter(include_in_schema=False, dependencies=[Depends(requires("read"))])

FIGURE_POINTS = 1000
MOST_METRICS = 10


@router.get("/runs/{run_id}/figure")
async def show_figure(run_id: RunId, request: Request) -> Response:
    """One chart: ``{figure, summary, table}``; at most ``FIGURE_POINTS`` points a curve."""
    page, pool = Page(request, "runs"), database_of(request)
    async with pool.session() as session:
        run = await service.get_run(session, run_id, page.identity.sees)

    async def made() -> Packed:
        # A session of its own: who waits for another's answer holds no connection.
        async with pool.session() as session:
            return Packed.json(await _figure(request, session, page, run))

    # Readers of a live run ask for the same charts whenever steps have come.
    key = ("figure", run_id, run.version, page.lang, request.url.query)
    shared: Shared = request.app.state.shared
    return (await shared.get(key, made)).answer(request)


async def _figure(
    request: Request, database: AsyncSession, page: Page, run: RunView
) -> dict[str, Any]:
    state = state_of(request)
    attempts = await service.get_attempts(database, run.run_id)
    run = seen_in(run, attempts, state.attempt)
    metrics = request.query_params.getlist("metric")[:MOST_METRICS]
    found = await curves(database, run, metrics, points=FIGURE_POINTS, state=state)
    series = [found[metric] for metric in metrics if metric in found]
    overrides = {**await repository.project_overrides(database, run.project), **run.overrides}
    bounds = zones(run.pack, overrides, page.texts)
    content = content_of(
        request.query_params.get("chart", ""),
        series,
        bounds,
        (await findings_of(database, run, page.lang)).marks(metrics),
        stage2_step(stages_of(run, attempts), run.first_step),
        page.texts,
    )
    view = state.view(request.query_params.get("theme", "light"))
    table = data_table(series, page.texts)
    return {
        "figure": figure_json(content, view),
        "summary": summary(series, content.zone, page.texts, zoomed=state.last is not None),
        "table": {"columns": table.columns, "rows": table.rows},
    }
