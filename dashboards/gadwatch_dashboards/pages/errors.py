"""Errors as pages for people; programs and scripts get the problem as JSON as before."""

from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urlsplit

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse

from gadwatch_dashboards.templating import Ui, render
from gadwatch_service.access.browser import csrf_token
from gadwatch_service.errors import Problem
from gadwatch_service.reader import language_of, theme_of

Handler = Callable[[Request, Any], Awaitable[Response]]


def add_error_pages(app: FastAPI) -> None:
    """Show the service's problems as pages to whoever asks for HTML."""
    for kind in (Problem, RequestValidationError, HTTPException):
        found: Any = app.exception_handlers[kind]
        app.add_exception_handler(kind, _as_page(found))


def _as_page(answer: Handler) -> Handler:
    async def handle(request: Request, error: Exception) -> Response:
        reply = await answer(request, error)
        wants_page = "text/html" in request.headers.get("accept", "")
        if reply.status_code < 400 or not wants_page or request.url.path.startswith("/api/"):
            return reply
        faults: list[Any] = getattr(error, "errors", list)()
        detail = getattr(error, "detail", None) or "; ".join(str(one["msg"]) for one in faults)
        status = reply.status_code
        # A program is told what an id may be; a reader's address is simply wrong.
        if any(one["loc"][0] == "path" for one in faults):
            status, detail = 404, "Not Found"
        page = render(
            "error.html",
            _surroundings(request),
            status=status,
            detail=detail,
            came_from=_came_from(request),
            of_form=request.method == "POST",
        )
        headers = {
            name: value
            for name, value in reply.headers.items()
            if name not in {"content-type", "content-length"}
        }
        return HTMLResponse(page, status, headers)

    return handle


def _surroundings(request: Request) -> Ui:
    """What a page knows of its reader even when it was refused."""
    identity = getattr(request.state, "identity", None)
    return Ui(
        lang=language_of(request),
        theme=theme_of(request),
        identity=identity.name if identity else "",
        csrf=csrf_token(request),
        path=request.url.path,
    )


def _came_from(request: Request) -> str:
    """The page whose form was sent, to return to; never one of another place."""
    path = urlsplit(request.headers.get("referer", "")).path
    return path if path[1:2] not in {"", "/", "\\"} else "/"
