"""The calls of MLflow's tracking protocol. What they mean is MLflow's to document."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import PlainTextResponse
from sqlalchemy.ext.asyncio import AsyncSession

from gadwatch_service.access.guard import current_identity, requires
from gadwatch_service.access.identity import Identity
from gadwatch_service.mlflow import experiments, repository
from gadwatch_service.mlflow.errors import MlflowError, invalid
from gadwatch_service.mlflow.routing import MlflowRoute, body_of
from gadwatch_service.mlflow.schemas import CreateExperiment, SearchExperiments, SetExperimentTag
from gadwatch_service.mlflow.views import experiment_view
from gadwatch_service.store.database import get_session


def _now(request: Request) -> datetime:
    moment: datetime = request.app.state.now()
    return moment


Session = Annotated[AsyncSession, Depends(get_session, scope="function")]
Who = Annotated[Identity, Depends(current_identity)]
Now = Annotated[datetime, Depends(_now)]
Reply = dict[str, Any]

PUSH = [Depends(requires("ingest", "write"))]
# What a client asks for on its way to push.
LOOK = [Depends(requires("ingest", "read"))]
READ = [Depends(requires("read"))]
CHANGE = [Depends(requires("write"))]

router = APIRouter(prefix="/api/2.0/mlflow", route_class=MlflowRoute, include_in_schema=False)


@router.post("/experiments/create", dependencies=PUSH)
async def create_experiment(
    session: Session,
    who: Who,
    now: Now,
    wish: Annotated[CreateExperiment, Depends(body_of(CreateExperiment))],
) -> Reply:
    """Number a project."""
    experiment = await experiments.create(session, who, wish, now)
    return {"experiment_id": str(experiment.experiment_id)}


@router.get("/experiments/get", dependencies=LOOK)
async def get_experiment(
    session: Session, who: Who, experiment_id: Annotated[str, Query()] = ""
) -> Reply:
    """An experiment by its number."""
    return {"experiment": experiment_view(await experiments.by_id(session, who, experiment_id))}


@router.get("/experiments/get-by-name", dependencies=LOOK)
async def get_experiment_by_name(
    session: Session, who: Who, now: Now, experiment_name: Annotated[str, Query()] = ""
) -> Reply:
    """An experiment by its project."""
    experiment = await experiments.by_name(session, who, experiment_name, now)
    return {"experiment": experiment_view(experiment)}


@router.post("/experiments/search", dependencies=READ)
async def search_experiments(
    session: Session,
    who: Who,
    now: Now,
    wish: Annotated[SearchExperiments, Depends(body_of(SearchExperiments))],
) -> Reply:
    """The experiments that a filter lets through."""
    return await experiments.search(session, who, wish, now)


@router.post("/experiments/set-experiment-tag", dependencies=PUSH)
async def set_experiment_tag(
    session: Session,
    who: Who,
    wish: Annotated[SetExperimentTag, Depends(body_of(SetExperimentTag))],
) -> Reply:
    """Lay a tag over those of an experiment."""
    experiment = await experiments.by_id(session, who, wish.experiment_id)
    tags = {wish.key: wish.value or ""}
    await repository.tag_experiment(session, experiment.experiment_id, tags)
    return {}
