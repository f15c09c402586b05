"""``/runs/{id}``: the page of a run."""

from dataclasses import replace
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import HTMLResponse
from sqlalchemy.ext.asyncio import AsyncSession

from gadwatch_dashboards.figures.bounds import zones
from gadwatch_dashboards.figures.catalogue import charts_for
from gadwatch_dashboards.pages import repository
from gadwatch_dashboards.pages.attempts import seen_in
from gadwatch_dashboards.pages.context import Page
from gadwatch_dashboards.pages.curves import curves
from gadwatch_dashboards.pages.findings_of import findings_of
from gadwatch_dashboards.pages.state import state_of
from gadwatch_dashboards.views.compare import config_differences
from gadwatch_dashboards.views.run import run_view
from gadwatch_dashboards.views.run_page import (
    Against,
    RunPage,
    RunStatus,
    attempt_rows,
    chart_cards,
    chart_of,
    flat_config,
    metric_card,
    metric_groups,
)
from gadwatch_dashboards.views.timeline import gaps_in, stage2_step, timeline
from gadwatch_service.access.guard import requires
from gadwatch_service.errors import NotFound
from gadwatch_service.runs import repository as runs_repository
from gadwatch_service.runs import service
from gadwatch_service.runs.query import RunQuery
from gadwatch_service.runs.schemas import RunId
from gadwatch_service.runs.view import RunView
from gadwatch_service.store.database import database_of

router = APIRouter(include_in_schema=False, dependencies=[Depends(requires("read"))])

TABLE_POINTS = 48
"""Points of the curves that come with the page itself, for summaries and tables."""
TABLE_STEPS = 10_000
OTHERS = 50


@router.get("/runs/{run_id}")
async def show_run(
    run_id: RunId,
    request: Request,
    against: Annotated[str, Query(max_length=200)] = "",
) -> HTMLResponse:
    """Verdict, clauses, diagnoses, findings, the places of the charts.

    ``against`` is the run whose configuration this one's is compared with.
    """
    page, pool = Page(request, "runs"), database_of(request)
    async with pool.session() as session:
        run = await service.get_run(session, run_id, page.identity.sees)
    if page.refreshing:

        async def status() -> str:
            # A session of its own: who waits for another's answer holds no connection.
            async with pool.session() as session:
                return page.text(
                    "parts/run_status.html", page=await _status(session, page, run, run)
                )

        return await page.refreshed(status)
    async with pool.session() as session:
        return page.answer("run.html", page=await _whole(session, page, run, against))


async def _whole(database: AsyncSession, page: Page, run: RunView, against: str) -> RunPage:
    overrides = {**await repository.project_overrides(database, run.project), **run.overrides}
    charted = [metric for chart in charts_for(run.metrics) for metric in chart.metrics]
    state = state_of(page.request)
    attempts = await service.get_attempts(database, run.run_id)
    seen = seen_in(run, attempts, state.attempt)
    old_attempt = None if seen is run else seen.attempt
    read = state if state.first is not None else replace(state, first=newest_from(seen))
    series = await curves(database, seen, charted, points=TABLE_POINTS, state=read)
    texts = page.texts
    groups = metric_groups(run.run_id, run.metrics, texts, old_attempt)
    return RunPage(
        **vars(await _status(database, page, run, seen)),
        state=state,
        old_attempt=old_attempt,
        charts=chart_cards(
            run.run_id,
            run.metrics,
            series,
            zones(run.pack, overrides, texts),
            texts,
            read.first,
            old_attempt,
            zoomed=state.last is not None,
        ),
        groups=groups,
        metric_count=sum(len(cards) for _, cards in groups),
        pinned=[
            metric_card(run.run_id, m, texts, old_attempt) for m in state.pin if m in run.metrics
        ],
        config=flat_config(run.config),
        against=await _against(database, page, run, against),
        others=await _others(database, page, run),
        attempts=attempt_rows(attempts, seen, texts),
        losses=sorted(run.losses.items()),
        # An old attempt grows no more.
        events_url="" if old_attempt else f"/api/v1/runs/{run.run_id}/events",
    )


def newest_from(run: RunView) -> int | None:
    """Where the newest steps begin whose summaries and tables come with the page itself.

    The curves, which come when they are seen, are of the whole run.
    """
    if run.last_step is None or run.last_step <= TABLE_STEPS:
        return None
    return run.last_step - TABLE_STEPS + 1


async def _status(database: AsyncSession, page: Page, run: RunView, seen: RunView) -> RunStatus:
    """The upper half, which an open page asks for again and again.

    The verdict is always the run's; the findings are those of the attempt that is ``seen``.
    """
    assessment = (await service.assess_seen(database, run.run_id, page.lang)).as_dict()
    attempts = await service.get_attempts(database, run.run_id)
    verdicts, _ = await runs_repository.list_verdicts(database, run.run_id, None, 500)
    findings = await findings_of(database, seen, page.lang)
    assessment["findings"] = findings.beside(assessment["findings"] if seen is run else ())
    return RunStatus(
        view=run_view(run, assessment, page.texts, page.now, findings.acknowledged),
        timeline=None
        if run.stage == "generic"
        else timeline(
            first_step=run.first_step,
            last_step=run.last_step,
            warmup_steps=run.warmup_steps,
            stage2_step=stage2_step(attempts[-1].stages, run.first_step),
            verdicts=[(v.step, v.verdict) for v in reversed(verdicts) if v.attempt == run.attempt],
            gaps=gaps_in(await repository.steps_if_any_lack(database, run)),
            ended=run.status in {"finished", "failed", "killed"},
        ),
        chart_of=chart_of(run.metrics),
        may_write=page.identity.may("write"),
    )


async def _against(
    database: AsyncSession, page: Page, run: RunView, other_id: str
) -> Against | None:
    """The differences of configuration; none when the other run is not there for the reader."""
    try:
        other = await service.get_run(database, other_id, page.identity.sees)
    except NotFound:
        return None
    return Against(other.run_id, other.name, config_differences([run.config, other.config]))


async def _others(database: AsyncSession, page: Page, run: RunView) -> list[tuple[str, str]]:
    """The newest other runs of the project, ``(id, name)``."""
    query = RunQuery(project=run.project, projects=page.identity.projects, limit=OTHERS)
    newest = await service.list_runs(database, query)
    return [(one.run_id, one.name) for one in newest.runs if one.run_id != run.run_id]
