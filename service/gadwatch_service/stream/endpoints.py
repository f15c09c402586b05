import time
from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Query, Request
from fastapi.sse import EventSourceResponse, ServerSentEvent

from gadwatch_rules.assessment import Assessment
from gadwatch_service.access.guard import current_identity, requires
from gadwatch_service.access.identity import Identity
from gadwatch_service.runs.schemas import RunId
from gadwatch_service.runs.service import assess_seen, get_run
from gadwatch_service.store.database import Database, database_of
from gadwatch_service.stream.events import Position, listen
from gadwatch_service.stream.watcher import Watcher

asking = APIRouter(tags=["runs"], dependencies=[Depends(requires("read", "ingest"))])
reading = APIRouter(tags=["runs"], dependencies=[Depends(requires("read"))])

Asker = Annotated[Identity, Depends(current_identity)]
Lang = Annotated[str, Query(pattern="^(en|zh)$")]

_ENDED = frozenset({"finished", "failed", "killed"})


@asking.get("/runs/{run_id}/readiness")
async def get_readiness(
    run_id: RunId,
    request: Request,
    asker: Asker,
    wait: Annotated[float, Query(ge=0, le=60)] = 0,
    lang: Lang = "en",
) -> dict[str, Any]:
    """Is the run ready for stage 2? The verdict with its clauses.

    ``wait`` holds the answer back for so many seconds at most, until the run is ready or over.
    """
    database: Database = database_of(request)
    watcher: Watcher = request.app.state.watcher
    end = time.monotonic() + wait
    while True:
        async with database.session() as session:
            run = await get_run(session, run_id, asker.sees)
            assessment = await assess_seen(session, run_id, lang)
        left = end - time.monotonic()
        settled = assessment.verdict == "ready" or run.status in _ENDED
        if settled or left <= 0 or watcher.closed:
            return {"status": run.status, **readiness(assessment)}
        await watcher.wait(run_id, run.version, left)


def readiness(assessment: Assessment) -> dict[str, Any]:
    """The part of an assessment that answers whether stage 2 may begin."""
    whole = assessment.as_dict()
    parts = ("run", "stage", "steps", "last_step", "pack", "basis", "health", "readiness")
    return {"ready": assessment.verdict == "ready", **{name: whole[name] for name in parts}}


async def _existing(run_id: RunId, request: Request, asker: Asker) -> None:
    """Refuse an unknown run before the stream has begun: afterwards no status can be sent."""
    async with database_of(request).session() as session:
        await get_run(session, run_id, asker.sees)


@reading.get(
    "/runs/{run_id}/events",
    response_class=EventSourceResponse,
    dependencies=[Depends(_existing)],
)
async def stream_events(
    run_id: RunId,
    request: Request,
    last_event_id: Annotated[str, Header(max_length=100)] = "",
    lang: Lang = "en",
) -> AsyncIterator[ServerSentEvent]:
    """Server-sent events: ``step`` with where the run stands, ``finding``, ``verdict``.

    ``step`` comes at once and then whenever something has changed, twice a second at most.
    """
    database = database_of(request)
    watcher: Watcher = request.app.state.watcher
    async for event in listen(database, watcher, run_id, Position.parse(last_event_id), lang):
        yield event
