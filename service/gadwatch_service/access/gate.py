from typing import Final

from fastapi import FastAPI
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from gadwatch_service.access.guard import identify
from gadwatch_service.access.routes import is_public


class Gate:
    """Stands before the router: what is not public is not even parsed for strangers.

    Without it a route's body would be read, and its mistakes explained, before its guard is
    asked; and paths that do not exist would answer differently from those that do.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app: Final = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Find out who asks, or raise the error that is the answer."""
        if scope["type"] == "http" and not is_public(scope["path"]):
            await identify(Request(scope))
        await self._app(scope, receive, send)


def add_gate(app: FastAPI) -> None:
    """Put the gate around the router of ``app``, inside its error handlers."""
    app.router.middleware_stack = Gate(app.router.middleware_stack)
