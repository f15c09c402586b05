"""The forms of a run's page: acknowledge, silence, next stage."""

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import RedirectResponse
from sqlalchemy.ext.asyncio import AsyncSession

from gadwatch_dashboards.pages.context import back_to, back_to_run
from gadwatch_service.access.guard import current_identity, requires
from gadwatch_service.access.identity import Identity
from gadwatch_service.alerts import service as alerts
from gadwatch_service.alerts.schemas import Acknowledgement, NewSilence
from gadwatch_service.runs import service
from gadwatch_service.runs.endpoints import keeper_of
from gadwatch_service.runs.schemas import RunId
from gadwatch_service.store.database import get_session

router = APIRouter(include_in_schema=False, dependencies=[Depends(requires("write"))])
Database = Annotated[AsyncSession, Depends(get_session, scope="function")]
Asker = Annotated[Identity, Depends(current_identity)]
Text = Annotated[str, Form(max_length=200)]


@router.post("/runs/{run_id}/stage")
async def set_stage(
    run_id: RunId,
    request: Request,
    asker: Asker,
    stage: Annotated[Literal["warmup", "stage2"], Form()],
) -> RedirectResponse:
    """Judge the run by another stage's rules from its next step on."""
    async with keeper_of(request).hold(run_id, asker.sees) as hold:
        await service.set_stage(hold, stage, None)
    return back_to_run(request, run_id)


@router.post("/runs/{run_id}/acknowledge")
async def acknowledge(
    run_id: RunId, request: Request, database: Database, asker: Asker, rule: Text, metric: Text
) -> RedirectResponse:
    """Take care of a finding: it is not told again unless it becomes graver."""
    wish = Acknowledgement(rule=rule, metric=metric)
    await alerts.acknowledge(database, run_id, wish, asker, request.app.state.now())
    return back_to_run(request, run_id, "#findings")


@router.post("/runs/{run_id}/take-back")
async def take_back(
    run_id: RunId, request: Request, database: Database, asker: Asker, rule: Text, metric: Text
) -> RedirectResponse:
    """Take care of a finding no longer: it is repeated again."""
    wish = Acknowledgement(rule=rule, metric=metric)
    await alerts.take_back(database, run_id, wish, asker, request.app.state.now())
    return back_to_run(request, run_id, "#findings")


@router.post("/runs/{run_id}/silence")
async def silence(
    run_id: RunId,
    request: Request,
    database: Database,
    asker: Asker,
    hours: Annotated[float, Form(gt=0, le=24 * 90)],
    comment: Text,
) -> RedirectResponse:
    """Send no alert about this run for a while."""
    wish = NewSilence(run_id=run_id, hours=hours, comment=comment)
    await alerts.create_silence(database, wish, asker, request.app.state.now())
    return back_to("/alerts")
