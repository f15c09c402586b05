"""REST of alerts: endpoints, silences, deliveries, acknowledgement, a run's own messages."""

import secrets
from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response
from sqlalchemy.ext.asyncio import AsyncSession

from gadwatch_service.access.guard import current_identity, requires
from gadwatch_service.access.identity import Identity
from gadwatch_service.alerts import service
from gadwatch_service.alerts.desk import Alerts
from gadwatch_service.alerts.outbox.messages import record_message
from gadwatch_service.alerts.schemas import (
    Acknowledged,
    Acknowledgement,
    CreatedEndpoint,
    DeliveryDetail,
    DeliveryId,
    DeliveryPage,
    EndpointChange,
    EndpointId,
    EndpointPage,
    EndpointView,
    NewEndpoint,
    NewMessage,
    NewSilence,
    SecretRotation,
    SilenceId,
    SilencePage,
    SilenceView,
    State,
    TakenBack,
    TakenMessage,
    TestOutcome,
)
from gadwatch_service.runs.endpoints import keeper_of
from gadwatch_service.runs.schemas import RunId
from gadwatch_service.store.database import get_session

Database = Annotated[AsyncSession, Depends(get_session, scope="function")]
Asker = Annotated[Identity, Depends(current_identity)]
Limit = Annotated[int, Query(ge=1, le=500)]

_administering = APIRouter(tags=["alerts"], dependencies=[Depends(requires("admin"))])
_reading = APIRouter(tags=["alerts"], dependencies=[Depends(requires("read"))])
_writing = APIRouter(tags=["alerts"], dependencies=[Depends(requires("write"))])
_pushing = APIRouter(tags=["alerts"], dependencies=[Depends(requires("ingest", "write"))])


def alerts_of(request: Request) -> Alerts:
    """The application's alerts."""
    alerts: Alerts = request.app.state.alerts
    return alerts


@_administering.post("/endpoints", status_code=201)
async def create_endpoint(
    wish: NewEndpoint, request: Request, database: Database, asker: Asker
) -> CreatedEndpoint:
    """Add a destination; the answer shows the signing secret this once."""
    registrar = alerts_of(request).registrar
    return await registrar.create(database, wish, asker.name, request.app.state.now())


@_reading.get("/endpoints")
async def list_endpoints(
    database: Database,
    asker: Asker,
    cursor: Annotated[str, Query(max_length=200)] = "",
    limit: Limit = 100,
) -> EndpointPage:
    """All destinations by name, without their addresses and secrets."""
    items = await service.list_endpoints(database, cursor, limit + 1, asker.projects)
    following = items[limit - 1].name if len(items) > limit else None
    return EndpointPage(items=items[:limit], next_cursor=following)


@_reading.get("/endpoints/{endpoint_id}")
async def get_endpoint(endpoint_id: EndpointId, database: Database, asker: Asker) -> EndpointView:
    """One destination."""
    return service.view(await service.get_endpoint(database, endpoint_id, asker.projects))


@_administering.patch("/endpoints/{endpoint_id}")
async def change_endpoint(
    endpoint_id: EndpointId, change: EndpointChange, request: Request, database: Database
) -> EndpointView:
    """Change a destination, switch it off or on."""
    return await alerts_of(request).registrar.change(database, endpoint_id, change)


@_administering.delete("/endpoints/{endpoint_id}", status_code=204)
async def delete_endpoint(
    endpoint_id: EndpointId, request: Request, database: Database
) -> Response:
    """Remove a destination; what waits for it becomes dead letters."""
    await service.delete_endpoint(database, endpoint_id, request.app.state.now())
    return Response(status_code=204)


@_administering.post("/endpoints/{endpoint_id}/test")
async def test_endpoint(endpoint_id: EndpointId, request: Request) -> TestOutcome:
    """Send a test message now and say what came of it."""
    return await alerts_of(request).send_test(endpoint_id)


@_administering.post("/endpoints/{endpoint_id}/rotate")
async def rotate_secret(
    endpoint_id: EndpointId, rotation: SecretRotation, request: Request, database: Database
) -> CreatedEndpoint:
    """Make a new signing secret; messages carry both signatures for the overlap."""
    overlap = timedelta(hours=rotation.overlap_hours)
    return await alerts_of(request).registrar.rotate(
        database, endpoint_id, overlap, request.app.state.now()
    )


@_writing.post("/silences", status_code=201)
async def create_silence(
    wish: NewSilence, request: Request, database: Database, asker: Asker
) -> SilenceView:
    """Keep findings of a project, a run or a rule from being alerted until an end."""
    row = await service.create_silence(database, wish, asker, request.app.state.now())
    return SilenceView.model_validate(row)


@_reading.get("/silences")
async def list_silences(
    request: Request,
    database: Database,
    asker: Asker,
    ended: Annotated[bool, Query(description="Also those that have ended.")] = False,
    limit: Limit = 100,
) -> SilencePage:
    """Silences, the longest lasting first."""
    now = None if ended else request.app.state.now()
    rows = await service.list_silences(database, asker, now, limit)
    items = [SilenceView.model_validate(row) for row in rows]
    return SilencePage(items=items, next_cursor=None)


@_writing.delete("/silences/{silence_id}")
async def end_silence(
    silence_id: SilenceId, request: Request, database: Database, asker: Asker
) -> SilenceView:
    """End a silence now; what it kept back and still goes on is told."""
    row = await service.end_silence(database, silence_id, asker, request.app.state.now())
    return SilenceView.model_validate(row)


@_reading.get("/deliveries")
async def list_deliveries(
    database: Database,
    asker: Asker,
    endpoint_id: EndpointId | None = None,
    run_id: Annotated[str | None, Query(max_length=64)] = None,
    state: State | None = None,
    cursor: Annotated[str | None, Query(max_length=1000)] = None,
    limit: Limit = 50,
) -> DeliveryPage:
    """What was sent, is to be sent, or could not be sent; the newest first."""
    return await service.list_deliveries(
        database,
        endpoint_id=endpoint_id,
        run_id=run_id,
        state=state,
        projects=asker.projects,
        cursor=cursor,
        limit=limit,
    )


@_reading.get("/deliveries/{delivery_id}")
async def get_delivery(delivery_id: DeliveryId, database: Database, asker: Asker) -> DeliveryDetail:
    """One message with each attempt: status, time, shortened reply."""
    return await service.get_delivery(database, delivery_id, asker.projects)


@_writing.post("/deliveries/{delivery_id}/redeliver", status_code=202)
async def redeliver(
    delivery_id: DeliveryId, request: Request, database: Database, asker: Asker
) -> DeliveryDetail:
    """Send an ended delivery again, under the same ``webhook-id``."""
    return await service.redeliver(database, delivery_id, asker.projects, request.app.state.now())


@_pushing.post("/runs/{run_id}/alerts", status_code=202)
async def send_message(
    run_id: RunId, wish: NewMessage, request: Request, asker: Asker
) -> TakenMessage:
    """Tell the endpoints that hear of this run something in the trainer's own words."""
    message_id = wish.id or secrets.token_hex(8)
    async with keeper_of(request).hold(run_id, asker.sees) as hold:
        await record_message(hold, message_id, wish.title, wish.text, wish.level, wish.step)
    return TakenMessage(id=message_id)


@_writing.post("/runs/{run_id}/findings/acknowledge")
async def acknowledge(
    run_id: str, wish: Acknowledgement, request: Request, database: Database, asker: Asker
) -> Acknowledged:
    """Say that somebody takes care: the findings are not told again unless they become graver."""
    count = await service.acknowledge(database, run_id, wish, asker, request.app.state.now())
    return Acknowledged(acknowledged=count)


@_writing.delete("/runs/{run_id}/findings/acknowledge")
async def take_back(
    run_id: str,
    wish: Annotated[Acknowledgement, Query()],
    request: Request,
    database: Database,
    asker: Asker,
) -> TakenBack:
    """Take acknowledgements back: what still fires is repeated again."""
    count = await service.take_back(database, run_id, wish, asker, request.app.state.now())
    return TakenBack(taken_back=count)


router = APIRouter()
for _part in (_administering, _reading, _writing, _pushing):
    router.include_router(_part)
