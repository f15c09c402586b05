import json
import logging
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any, ClassVar

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

log = logging.getLogger("gadwatch.errors")


class Problem(Exception):  # noqa: N818 - RFC 9457 calls it a problem
    """Something the caller must know, answered as ``application/problem+json`` (RFC 9457).

    ``detail`` says what was wrong and what to do; ``members`` are further facts of the reply
    (``step``, ``metric``, ``limit``, …); ``headers`` go with it (``Retry-After``, …).
    """

    status: ClassVar[int] = 500
    title: ClassVar[str] = "Internal error"

    def __init__(
        self, detail: str, *, headers: Mapping[str, str] | None = None, **members: Any
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.headers = dict(headers or {})
        self.members = members


class BadRequest(Problem):
    """The request cannot be read at all."""

    status = 400
    title = "Bad request"


class NotFound(Problem):
    """There is no such thing, or the token may not see it."""

    status = 404
    title = "Not found"


class Conflict(Problem):
    """It contradicts what is stored."""

    status = 409
    title = "Conflict"


class TooLarge(Problem):
    """The body exceeds a limit, which the detail names."""

    status = 413
    title = "Content too large"


class UnsupportedEncoding(Problem):
    """The body comes in a form that the service does not read."""

    status = 415
    title = "Unsupported media type"


class Invalid(Problem):
    """The request was read, and a value in it is wrong."""

    status = 422
    title = "Invalid content"


class TooManyRequests(Problem):
    """The caller is too fast; ``Retry-After`` says when to come back."""

    status = 429
    title = "Too many requests"


class Unavailable(Problem):
    """The service cannot do it now; ``Retry-After`` says when to come back."""

    status = 503
    title = "Service unavailable"


class _ProblemResponse(JSONResponse):
    media_type = "application/problem+json"

    def render(self, content: Any) -> bytes:
        """ASCII only: a name that a client sent may hold half a surrogate pair."""
        return json.dumps(content, allow_nan=False, separators=(",", ":")).encode("ascii")


def problem_response(
    status: int,
    title: str,
    detail: str,
    members: Mapping[str, Any] | None = None,
    headers: Mapping[str, str] | None = None,
) -> JSONResponse:
    """Build the RFC 9457 reply; ``members`` must be JSON-safe."""
    body = {"type": "about:blank", "title": title, "status": status, "detail": detail}
    return _ProblemResponse(
        {**(members or {}), **body}, status_code=status, headers=dict(headers or {})
    )


def add_error_handlers(app: FastAPI) -> None:
    """Answer every error of ``app`` as a problem, without echoing input or secrets."""

    @app.exception_handler(Problem)
    async def _problem(_request: Request, error: Problem) -> JSONResponse:
        return problem_response(
            error.status, error.title, error.detail, error.members, error.headers
        )

    @app.exception_handler(RequestValidationError)
    async def _validation(_request: Request, error: RequestValidationError) -> JSONResponse:
        # The input itself is left out: it may hold NaN, which JSON cannot carry, or a secret.
        faults = [{"at": _path(fault["loc"]), "problem": fault["msg"]} for fault in error.errors()]
        detail = "; ".join(f"{fault['at']}: {fault['problem']}" for fault in faults)
        return problem_response(422, Invalid.title, detail, {"faults": faults})

    @app.exception_handler(HTTPException)
    async def _http(_request: Request, error: HTTPException) -> JSONResponse:
        title = HTTPStatus(error.status_code).phrase
        return problem_response(error.status_code, title, str(error.detail), headers=error.headers)

    @app.exception_handler(Exception)
    async def _unexpected(request: Request, error: Exception) -> JSONResponse:
        log.error("%s %s failed", request.method, request.url.path, exc_info=error)
        # The server closes the connection after this; its client must not send more on it.
        return problem_response(
            500,
            Problem.title,
            "The service failed on this request; its log says why.",
            headers={"Connection": "close"},
        )


def _path(location: Iterable[int | str]) -> str:
    """``("body", "steps", 3)`` as ``steps[3]``."""
    parts = [part for part in location if part not in {"body", "query", "path"}]
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in parts)
    return text.lstrip(".") or "body"
