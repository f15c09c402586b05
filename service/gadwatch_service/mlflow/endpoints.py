"""The calls of MLflow's tracking protocol. What they mean is MLflow's to document."""

from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import PlainTextResponse

from gadwatch_service import metrics as counters
from gadwatch_service.access.guard import requires
from gadwatch_service.mlflow import experiments, metrics, runs, search
from gadwatch_service.mlflow.errors import MlflowError
from gadwatch_service.mlflow.requests import AtDoor, Door, body_of
from gadwatch_service.mlflow.schemas import (
    ARun,
    CreateExperiment,
    CreateRun,
    DeleteTag,
    LogBatch,
    LogMetric,
    LogParam,
    Metric,
    SearchExperiments,
    SearchRuns,
    SetExperimentTag,
    SetTag,
    UpdateRun,
)

Reply = dict[str, Any]
Text = Annotated[str, Query()]

PUSH: Final = [Depends(requires("ingest", "write"))]
# What a client asks for on its way to push.
LOOK: Final = [Depends(requires("ingest", "read"))]
READ: Final = [Depends(requires("read"))]
CHANGE: Final = [Depends(requires("write"))]
EVERY: Final = ["GET", "POST", "PUT", "PATCH", "DELETE"]

router = APIRouter(include_in_schema=False)
calls = APIRouter(prefix="/api/2.0/mlflow")


@calls.post("/experiments/create", dependencies=PUSH)
async def create_experiment(
    door: AtDoor, wish: Annotated[CreateExperiment, Depends(body_of(CreateExperiment))]
) -> Reply:
    """Number a project."""
    return {"experiment_id": str(await experiments.create(door, wish))}


@calls.get("/experiments/get", dependencies=LOOK)
async def get_experiment(door: AtDoor, experiment_id: Text = "") -> Reply:
    """An experiment by its number."""
    return {"experiment": await experiments.get(door, experiment_id)}


@calls.get("/experiments/get-by-name", dependencies=LOOK)
async def get_experiment_by_name(door: AtDoor, experiment_name: Text = "") -> Reply:
    """An experiment by its project."""
    return {"experiment": await experiments.by_name(door, experiment_name)}


@calls.post("/experiments/search", dependencies=READ)
async def search_experiments(
    door: AtDoor, wish: Annotated[SearchExperiments, Depends(body_of(SearchExperiments))]
) -> Reply:
    """The experiments that a filter lets through."""
    return await experiments.search(door, wish)


@calls.post("/experiments/set-experiment-tag", dependencies=PUSH)
async def set_experiment_tag(
    door: AtDoor, wish: Annotated[SetExperimentTag, Depends(body_of(SetExperimentTag))]
) -> Reply:
    """Lay a tag over those of an experiment."""
    await experiments.tag(door, wish.experiment_id, {wish.key: wish.value or ""})
    return {}


@calls.post("/runs/create", dependencies=PUSH)
async def create_run(
    door: AtDoor, wish: Annotated[CreateRun, Depends(body_of(CreateRun))]
) -> Reply:
    """Begin a run."""
    return {"run": await runs.create(door, wish)}


@calls.get("/runs/get", dependencies=LOOK)
async def get_run(door: AtDoor, run_id: Text = "", run_uuid: Text = "") -> Reply:
    """A run with its newest values."""
    return {"run": await runs.get(door, runs.id_of(ARun(run_id, run_uuid)))}


@calls.post("/runs/update", dependencies=PUSH)
async def update_run(
    door: AtDoor, wish: Annotated[UpdateRun, Depends(body_of(UpdateRun))]
) -> Reply:
    """Rename, end or resume a run."""
    return {"run_info": await runs.update(door, wish)}


@calls.post("/runs/search", dependencies=READ)
async def search_runs(
    door: AtDoor, wish: Annotated[SearchRuns, Depends(body_of(SearchRuns))]
) -> Reply:
    """The runs that a filter lets through."""
    return await search.search(door, wish)


@calls.post("/runs/log-metric", dependencies=PUSH)
async def log_metric(
    door: AtDoor, wish: Annotated[LogMetric, Depends(body_of(LogMetric))]
) -> Reply:
    """Push one value."""
    value = Metric(wish.key, wish.value, wish.timestamp, wish.step)
    await metrics.push(door, runs.id_of(wish), [value])
    return {}


@calls.post("/runs/log-parameter", dependencies=PUSH)
async def log_parameter(
    door: AtDoor, wish: Annotated[LogParam, Depends(body_of(LogParam))]
) -> Reply:
    """Lay a param over the run's config."""
    await runs.describe(door, runs.id_of(wish), {wish.key: wish.value or ""}, {})
    return {}


@calls.post("/runs/log-batch", dependencies=PUSH)
async def log_batch(door: AtDoor, wish: Annotated[LogBatch, Depends(body_of(LogBatch))]) -> Reply:
    """Push metrics, params and tags; repeating it changes nothing."""
    run_id = runs.id_of(wish)
    params = {param.key: param.value or "" for param in wish.params or ()}
    tags = {tag.key: tag.value or "" for tag in wish.tags or ()}
    if params or tags:
        await runs.describe(door, run_id, params, tags)
    await metrics.push(door, run_id, wish.metrics or ())
    return {}


@calls.post("/runs/set-tag", dependencies=PUSH)
async def set_tag(door: AtDoor, wish: Annotated[SetTag, Depends(body_of(SetTag))]) -> Reply:
    """Lay a tag over those of a run."""
    await runs.describe(door, runs.id_of(wish), {}, {wish.key: wish.value or ""})
    return {}


@calls.post("/runs/delete-tag", dependencies=PUSH)
async def delete_tag(
    door: AtDoor, wish: Annotated[DeleteTag, Depends(body_of(DeleteTag))]
) -> Reply:
    """Remove a tag."""
    await runs.untag(door, runs.id_of(wish), wish.key)
    return {}


@calls.post("/runs/delete", dependencies=CHANGE)
async def delete_run(door: AtDoor, wish: Annotated[ARun, Depends(body_of(ARun))]) -> Reply:
    """Hide a run from MLflow's clients."""
    await runs.hide(door, runs.id_of(wish), hidden=True)
    return {}


@calls.post("/runs/restore", dependencies=CHANGE)
async def restore_run(door: AtDoor, wish: Annotated[ARun, Depends(body_of(ARun))]) -> Reply:
    """Show it again."""
    await runs.hide(door, runs.id_of(wish), hidden=False)
    return {}


@calls.get("/metrics/get-history", dependencies=READ)
async def get_history(
    door: AtDoor,
    metric_key: Text = "",
    run_id: Text = "",
    run_uuid: Text = "",
    max_results: Annotated[str | None, Query()] = None,
    page_token: Text = "",
) -> Reply:
    """Every value of a metric."""
    wish = ARun(run_id, run_uuid)
    return await metrics.history(door, runs.id_of(wish), metric_key, max_results, page_token)


@calls.post("/runs/log-inputs", dependencies=PUSH)
async def log_inputs(door: AtDoor, wish: Annotated[ARun, Depends(body_of(ARun))]) -> Reply:
    """Datasets are not stored, only counted."""
    await _drop(door, runs.id_of(wish), "mlflow_inputs")
    return {}


@calls.get("/artifacts/list", dependencies=READ)
async def list_artifacts() -> Reply:
    """There are none."""
    return {"files": []}


newer = APIRouter(prefix="/api/3.0/mlflow")


@newer.get("/server-info", dependencies=LOOK)
async def server_info() -> Reply:
    """What newer clients ask before they use newer calls."""
    return {
        "store_type": "SqlStore",
        "workspaces_enabled": False,
        "trace_archival_enabled": False,
        "artifact_serving_enabled": False,
    }


@newer.api_route("/{call:path}", methods=EVERY, dependencies=LOOK)
@calls.api_route("/{call:path}", methods=EVERY, dependencies=LOOK)
async def refuse(call: str) -> Reply:
    """Everything else of MLflow's API."""
    raise MlflowError(
        "NOT_IMPLEMENTED",
        f"gadwatch takes MLflow's runs, metrics, params and tags; it has no {call!r}.",
    )


artifacts = APIRouter(prefix="/api/2.0/mlflow-artifacts")


@artifacts.put("/artifacts/{path:path}", dependencies=PUSH)
async def put_artifact(door: AtDoor, request: Request, path: str) -> Reply:
    """Artifacts are not stored, only counted; a trainer that sends some must not fail."""
    async for _ in request.stream():
        pass
    # As runs are told: <experiment>/<run>/artifacts/…
    _, run_id, _ = (*path.split("/", 2), "", "")[:3]
    await _drop(door, run_id, "mlflow_artifact")
    return {}


@artifacts.get("/artifacts", dependencies=READ)
async def list_stored_artifacts() -> Reply:
    """There are none."""
    return {"files": []}


@artifacts.api_route("/{path:path}", methods=["GET", "POST", "PUT", "DELETE"], dependencies=LOOK)
async def refuse_artifact() -> Reply:
    """Nothing of what was sent can be had back."""
    raise MlflowError("NOT_IMPLEMENTED", "gadwatch does not store artifacts.")


@router.get("/version", dependencies=LOOK, response_class=PlainTextResponse)
async def version() -> str:
    """The version of MLflow whose protocol is spoken."""
    return "3.17.0"


@router.get("/health", dependencies=LOOK, response_class=PlainTextResponse)
async def health() -> str:
    """As MLflow's own server answers."""
    return "OK"


async def _drop(door: Door, run_id: str, what: str) -> None:
    await runs.count_loss(door, run_id, what)
    counters.mlflow_dropped.labels(what).inc()


router.include_router(calls)
router.include_router(newer)
router.include_router(artifacts)
