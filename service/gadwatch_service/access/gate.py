from typing import Final

from fastapi import FastAPI
from sqlalchemy.exc import SQLAlchemyError
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gadwatch_service.access.guard import identify, is_still_valid
from gadwatch_service.access.routes import is_public
from gadwatch_service.errors import NotFound

_LONGEST_FILE: Final = 200
_STREAM: Final = b"text/event-stream"


class Gate:
    """Stands before the router: what is not public is not even parsed for strangers.

    Without it a route's body would be read, and its mistakes explained, before its guard is
    asked; and paths that do not exist would answer differently from those that do. A stream of
    events ends with the right to it.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app: Final = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Find out who asks, or raise the error that is the answer."""
        if scope["type"] == "http":
            path = scope["path"]
            if not is_public(path):
                request = Request(scope)
                await identify(request)
                send = _while_valid(request, send)
            elif not _could_be_ours(path):
                raise NotFound("There is no such file.")
        try:
            await self._app(scope, receive, send)
        except* _RightLost:
            await send({"type": "http.response.body", "body": b"", "more_body": False})


class _RightLost(Exception):  # noqa: N818 - it ends a stream, and is nobody's fault
    """The token or session behind a stream has ended."""


def _while_valid(request: Request, send: Send) -> Send:
    """``send``, which asks again before each event: a page may listen for days."""
    streams = False

    async def ask_and_send(message: Message) -> None:
        nonlocal streams
        if message["type"] == "http.response.start":
            kinds = [value for name, value in message["headers"] if name == b"content-type"]
            streams = any(kind.startswith(_STREAM) for kind in kinds)
        elif streams and message.get("more_body") and not await _is_valid(request):
            raise _RightLost
        await send(message)

    return ask_and_send


async def _is_valid(request: Request) -> bool:
    try:
        return await is_still_valid(request)
    except (SQLAlchemyError, OSError):
        # The database is away, and with it the news: what the stream says then is only that.
        return True


def _could_be_ours(path: str) -> bool:
    """Whether a file may have this name: the system fails on NUL and on names beyond its limit."""
    return len(path) <= _LONGEST_FILE and path.isascii() and path.isprintable()


def add_gate(app: FastAPI) -> None:
    """Put the gate around the router of ``app``, inside its error handlers."""
    app.router.middleware_stack = Gate(app.router.middleware_stack)
