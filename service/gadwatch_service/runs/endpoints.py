from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response
from sqlalchemy.ext.asyncio import AsyncSession

from gadwatch_service.access.errors import Forbidden
from gadwatch_service.access.guard import current_identity, requires
from gadwatch_service.access.identity import Identity
from gadwatch_service.judging.keeper import Keeper
from gadwatch_service.runs import repository, service
from gadwatch_service.runs.query import RunQuery
from gadwatch_service.runs.records import finding_out, verdict_out
from gadwatch_service.runs.schemas import (
    AttemptOut,
    FindingPage,
    Finish,
    Health,
    NewRun,
    RunChange,
    RunDetail,
    RunId,
    RunOut,
    RunPage,
    Stage,
    StageChange,
    Status,
    Verdict,
    VerdictPage,
)
from gadwatch_service.runs.view import RunView
from gadwatch_service.store.database import get_session

Database = Annotated[AsyncSession, Depends(get_session, scope="function")]
Asker = Annotated[Identity, Depends(current_identity)]
Limit = Annotated[int, Query(ge=1, le=500)]
Lang = Annotated[str, Query(pattern="^(en|zh)$")]

pushing = APIRouter(tags=["runs"], dependencies=[Depends(requires("ingest", "write"))])
asking = APIRouter(tags=["runs"], dependencies=[Depends(requires("read", "ingest"))])
reading = APIRouter(tags=["runs"], dependencies=[Depends(requires("read"))])
writing = APIRouter(tags=["runs"], dependencies=[Depends(requires("write"))])


def keeper_of(request: Request) -> Keeper:
    """The application's keeper of runs."""
    keeper: Keeper = request.app.state.keeper
    return keeper


@pushing.post("/runs", status_code=201)
async def create_run(
    wish: NewRun, request: Request, response: Response, database: Database, asker: Asker
) -> RunDetail:
    """Create a run, or get the one with the same ``id`` (then the status is 200)."""
    run, created = await service.create_run(
        database,
        wish,
        creator=asker.name,
        sees=asker.sees,
        now=request.app.state.now(),
        settings=request.app.state.settings,
    )
    if not created:
        response.status_code = 200
    return await _detail(database, run, created=created)


@reading.get("/runs")
async def list_runs(
    database: Database,
    asker: Asker,
    project: str | None = None,
    stage: Stage | None = None,
    health: Health | None = None,
    verdict: Verdict | None = None,
    status: Status | None = None,
    group: str | None = None,
    tag: str | None = None,
    q: Annotated[str | None, Query(max_length=200)] = None,
    sort: Annotated[str, Query(max_length=300)] = "-created",
    cursor: Annotated[str | None, Query(max_length=1000)] = None,
    limit: Limit = 50,
) -> RunPage:
    """Runs with where they stand; filtered, searched and sorted, page by page."""
    page = await service.list_runs(
        database,
        RunQuery(
            project=project,
            stage=stage,
            health=health,
            verdict=verdict,
            status=status,
            group=group,
            tag=tag,
            q=q,
            sort=sort,
            cursor=cursor,
            limit=limit,
            projects=asker.projects,
        ),
    )
    items = [RunOut.model_validate(row) for row in page.runs]
    return RunPage(items=items, next_cursor=page.next_cursor)


@asking.get("/runs/{run_id}")
async def get_run(run_id: RunId, database: Database, asker: Asker) -> RunDetail:
    """One run with its configuration, metric names and attempts."""
    return await _detail(database, await service.get_run(database, run_id, asker.sees))


@pushing.patch("/runs/{run_id}")
async def change_run(run_id: RunId, change: RunChange, request: Request, asker: Asker) -> RunDetail:
    """Change name, group, tags, configuration, length of the warm-up, stage or thresholds."""
    if change.overrides is not None and not asker.may("write"):
        raise Forbidden(f"The token {asker.name!r} lacks the scope write, which thresholds need.")
    await service.change_run(
        keeper_of(request),
        run_id,
        change,
        changer=asker.name,
        sees=asker.sees,
        settings=request.app.state.settings,
    )
    return await _fresh_detail(request, run_id)


@pushing.post("/runs/{run_id}/stage")
async def set_stage(
    run_id: RunId, change: StageChange, request: Request, asker: Asker
) -> RunDetail:
    """Go on in another stage: the rules of that stage judge from behind ``step`` on."""
    async with keeper_of(request).hold(run_id, asker.sees) as hold:
        await service.set_stage(hold, change.stage, change.step)
    return await _fresh_detail(request, run_id)


@pushing.post("/runs/{run_id}/finish")
async def finish_run(
    run_id: RunId, request: Request, asker: Asker, ending: Finish | None = None
) -> RunDetail:
    """Say that the run has ended, and how."""
    status = (ending or Finish()).status
    await service.finish_run(keeper_of(request), run_id, status, asker.sees)
    return await _fresh_detail(request, run_id)


@writing.delete("/runs/{run_id}", status_code=204)
async def delete_run(run_id: RunId, request: Request, database: Database, asker: Asker) -> Response:
    """Remove a run and everything stored of it."""
    await service.delete_run(database, run_id, asker.sees)
    request.app.state.space.wanted = True
    return Response(status_code=204)


@asking.get("/runs/{run_id}/assessment")
async def get_assessment(
    run_id: RunId, database: Database, asker: Asker, lang: Lang = "en"
) -> dict[str, Any]:
    """Everything that is known of the run now."""
    return (await service.assess_run(database, run_id, asker.sees, lang)).as_dict()


@reading.get("/runs/{run_id}/findings")
async def list_findings(
    run_id: RunId,
    database: Database,
    asker: Asker,
    state: Annotated[str | None, Query(pattern="^(pending|firing|resolved)$")] = None,
    severity: Annotated[str | None, Query(pattern="^(info|notice|warning|critical)$")] = None,
    cursor: Annotated[str | None, Query(max_length=1000)] = None,
    limit: Limit = 100,
    lang: Lang = "en",
) -> FindingPage:
    """Every episode of every rule in this run, the newest first.

    ``last_step`` and ``value`` are those of an episode's last change (its beginning, its end,
    another severity); how an open one stands now is in the assessment.
    """
    await service.get_run(database, run_id, asker.sees)
    rows, following = await repository.list_findings(
        database, run_id, state=state, severity=severity, cursor=cursor, limit=limit
    )
    items = [finding_out(row, lang) for row in rows]
    return FindingPage(items=items, next_cursor=following)


@reading.get("/runs/{run_id}/verdicts")
async def list_verdicts(
    run_id: RunId,
    database: Database,
    asker: Asker,
    cursor: Annotated[str | None, Query(max_length=1000)] = None,
    limit: Limit = 100,
) -> VerdictPage:
    """Every change of the verdict, with the clauses it rests on; never altered."""
    await service.get_run(database, run_id, asker.sees)
    rows, following = await repository.list_verdicts(database, run_id, cursor, limit)
    items = [verdict_out(row) for row in rows]
    return VerdictPage(items=items, next_cursor=following)


@reading.get("/runs/{run_id}/metrics")
async def list_metrics(run_id: RunId, database: Database, asker: Asker) -> dict[str, Any]:
    """The names of everything that the run has logged, and the newest of what is judged."""
    run = await service.get_run(database, run_id, asker.sees)
    items = [{"name": name, "latest": run.latest.get(name)} for name in run.metrics]
    return {"items": items, "next_cursor": None}


async def _detail(database: AsyncSession, run: RunView, *, created: bool = False) -> RunDetail:
    attempts = await service.get_attempts(database, run.run_id)
    detail = RunDetail.model_validate(run)
    detail.attempts = [AttemptOut.model_validate(one) for one in attempts]
    detail.created = created
    return detail


async def _fresh_detail(request: Request, run_id: str) -> RunDetail:
    async with request.app.state.database.session() as database:
        return await _detail(database, await service.get_run(database, run_id))
