"""What every request passes on its way in, outermost first: log, headers, host, size."""

from fastapi import FastAPI

from gadwatch_service.middleware.body_limit import BodyLimit
from gadwatch_service.middleware.headers import SecurityHeaders
from gadwatch_service.middleware.hosts import HostGuard
from gadwatch_service.middleware.request_log import RequestLog
from gadwatch_service.settings import Settings


def add_middleware(app: FastAPI, settings: Settings) -> None:
    """Wrap ``app``.

    Each request is named, logged and counted, refused when it names a foreign host or
    is too large, and answered with headers that confine a page.
    """
    app.add_middleware(BodyLimit, limit=settings.max_body_bytes)
    app.add_middleware(HostGuard, settings=settings)
    app.add_middleware(SecurityHeaders, https=settings.base_url.startswith("https://"))
    app.add_middleware(RequestLog)
