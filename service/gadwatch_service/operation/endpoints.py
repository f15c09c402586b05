"""For machines that watch the service: ``/healthz``, ``/readyz``, ``/metrics``."""

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import JSONResponse
from sqlalchemy.ext.asyncio import AsyncSession

from gadwatch_service.access.guard import requires
from gadwatch_service.heartbeat import Heartbeats
from gadwatch_service.operation.gauges import exposition, read_gauges
from gadwatch_service.operation.readiness import Check, check_readiness
from gadwatch_service.shared import Shared
from gadwatch_service.store.database import database_of, get_session

public = APIRouter(tags=["operation"])
guarded = APIRouter(tags=["operation"], dependencies=[Depends(requires("read"))])


@public.get("/healthz")
async def is_alive() -> dict[str, str]:
    """Whether the process answers at all; restart it when not."""
    return {"status": "alive"}


@public.get("/readyz", responses={503: {"description": "It cannot serve now."}})
async def is_ready(request: Request) -> JSONResponse:
    """Whether requests can be served: database reachable, schema current, workers on time."""
    # Strangers may ask, and as fast as they like: the database is asked once a second at most.
    shared: Shared = request.app.state.shared
    checks = await shared.get("readiness", partial(_check, request))
    ready = all(check.ok for check in checks)
    body = {
        "status": "ready" if ready else "not_ready",
        "checks": {check.name: {"ok": check.ok, "detail": check.detail} for check in checks},
    }
    return JSONResponse(body, status_code=200 if ready else 503)


async def _check(request: Request) -> list[Check]:
    heartbeats: Heartbeats = request.app.state.heartbeats
    return await check_readiness(database_of(request), heartbeats, request.app.state.now())


@guarded.get("/metrics", response_class=Response)
async def show_metrics(
    request: Request,
    database: Annotated[AsyncSession, Depends(get_session, scope="function")],
) -> Response:
    """Everything that the service counts, in Prometheus' text format."""
    await read_gauges(database, request.app.state.now())
    return Response(exposition(), media_type="text/plain; version=0.0.4; charset=utf-8")
