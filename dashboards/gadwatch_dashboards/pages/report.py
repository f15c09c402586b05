"""``/runs/{id}/report``: the analysis as a page, as one HTML file, as Markdown."""

from dataclasses import replace
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Request, Response
from sqlalchemy.ext.asyncio import AsyncSession

from gadwatch_dashboards import report
from gadwatch_dashboards.figures.bounds import zones
from gadwatch_dashboards.figures.catalogue import charts_for
from gadwatch_dashboards.pages.context import Page
from gadwatch_dashboards.pages.curves import curves
from gadwatch_dashboards.views.run_page import PageState, chart_cards
from gadwatch_dashboards.views.timeline import stage2_step
from gadwatch_service.access.guard import requires
from gadwatch_service.runs import service
from gadwatch_service.runs.schemas import RunId
from gadwatch_service.store.database import get_session

router = APIRouter(include_in_schema=False, dependencies=[Depends(requires("read"))])
Database = Annotated[AsyncSession, Depends(get_session, scope="function")]
Format = Literal["page", "html", "md"]


@router.get("/runs/{run_id}/report")
async def show_report(
    run_id: RunId,
    request: Request,
    database: Database,
    format: Format = "page",  # noqa: A002 - the address' own word
) -> Response:
    """What the run's data says, written out; ``format=html`` and ``md`` are files to keep."""
    page = Page(request, "runs")
    run = await service.get_run(database, run_id, page.identity.sees)
    # A reader knows the run by its name, not by its id.
    assessment = replace(await service.assess_run(database, run_id, lang=page.lang), run=run.name)
    wanted = [
        *report.HEADLINE,
        *(name for chart in charts_for(run.metrics) for name in chart.metrics),
    ]
    series = await curves(
        database, run, list(dict.fromkeys(wanted)), points=report.POINTS, state=PageState()
    )
    if format == "md":
        text = report.markdown(assessment, series, lang=page.lang, warmup_steps=run.warmup_steps)
        return _file(text, f"{run_id}.md", "text/markdown")
    if format == "html":
        attempts = await service.get_attempts(database, run_id)
        text = report.html(
            assessment,
            series,
            lang=page.lang,
            warmup_steps=run.warmup_steps,
            stage2_from=stage2_step(attempts[-1].stages, run.first_step),
        )
        return _file(text, f"{run_id}.html", "text/html")
    bounds = zones(run.pack, run.overrides, page.texts)
    return page.answer(
        "report.html",
        run=run,
        sections=report.sections(assessment, series, page.lang, run.warmup_steps),
        charts=chart_cards(run_id, run.metrics, series, bounds, page.texts),
    )


def _file(text: str, name: str, media_type: str) -> Response:
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(text, media_type=f"{media_type}; charset=utf-8", headers=headers)
