import logging
import re
import secrets
import time
from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gadwatch_service import logs, metrics

log = logging.getLogger("gadwatch.requests")

_GIVEN_ID: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")
_QUIET: Final = frozenset({"/healthz", "/readyz", "/metrics"})
"""Asked every few seconds by machines: logged at debug only."""

_LONGEST_PATH: Final = 500
"""More no route of ours takes, and a stranger's may have 64 KiB."""


class RequestLog:
    """Names each request (``X-Request-ID``, the caller's own when it is sane), logs and counts it.

    The line has the path without its query, which may hold a one-time code.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, and log it once it is answered."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        name = request_name(Headers(scope=scope).get("x-request-id"))
        status = 500
        started = time.perf_counter()

        async def send_named(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)["X-Request-ID"] = name
            await send(message)

        token = logs.request_id.set(name)
        run = None
        try:
            await self._app(scope, receive, send_named)
        finally:
            run = scope.get("path_params", {}).get("run_id")
            seconds = time.perf_counter() - started
            route = _route_of(scope)
            metrics.http_requests.labels(scope["method"], route, str(status)).inc()
            metrics.http_seconds.labels(route).observe(seconds)
            facts = {
                "method": scope["method"],
                "path": scope["path"][:_LONGEST_PATH],
                "status": status,
                "ms": round(seconds * 1000, 1),
            }
            if isinstance(run, str):
                facts["run_id"] = run
            level = logging.DEBUG if scope["path"] in _QUIET else logging.INFO
            log.log(level, "request", extra=facts)
            logs.request_id.reset(token)


def request_name(given: str | None) -> str:
    """The caller's name for the request when it is sane, else 16 random hex digits."""
    if given is not None and _GIVEN_ID.fullmatch(given):
        return given
    return secrets.token_hex(8)


def _route_of(scope: Scope) -> str:
    """The route's pattern: a label of few values, whatever clients ask for."""
    route = scope.get("route")
    return getattr(route, "path_format", None) or getattr(route, "path", None) or "other"
