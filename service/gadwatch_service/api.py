from fastapi import APIRouter

from gadwatch_service.access import endpoints as access

PREFIX = "/api/v1"


def api() -> APIRouter:
    """Every route of version 1 of the REST interface."""
    router = APIRouter(prefix=PREFIX)
    router.include_router(access.tokens)
    router.include_router(access.myself)
    return router
