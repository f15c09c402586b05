from fastapi import APIRouter

from gadwatch_service.access import endpoints as access
from gadwatch_service.alerts import endpoints as alerts
from gadwatch_service.ingest import endpoints as ingest
from gadwatch_service.runs import endpoints as runs
from gadwatch_service.runs import projects
from gadwatch_service.series import endpoints as series
from gadwatch_service.stream import endpoints as stream

PREFIX = "/api/v1"


def api() -> APIRouter:
    """Every route of version 1 of the REST interface."""
    router = APIRouter(prefix=PREFIX)
    router.include_router(access.tokens)
    router.include_router(access.myself)
    for part in (
        runs.pushing,
        runs.asking,
        runs.reading,
        runs.writing,
        projects.reading,
        projects.writing,
        ingest.evaluating,
        series.router,
        stream.asking,
        stream.reading,
    ):
        router.include_router(part)
    router.include_router(alerts.router)
    return router
