from typing import Final

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gadwatch_service.errors import Problem, TooLarge, problem_response

MOST_FORM_BYTES: Final = 128 * 1024
"""Taking a form apart costs far more than its size says, and a stranger may send the login's."""


class BodyLimit:
    """Refuses bodies larger than the setting ``max_body_bytes``, declared or not.

    Forms of pages are bounded tighter. Multipart ones are refused: no page sends them, and their
    sender names the codec, of which Python has some that take hours for a megabyte.
    """

    def __init__(self, app: ASGIApp, limit: int) -> None:
        self._app = app
        self._limit = limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 413 to a declared length beyond the limit; count what comes otherwise."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        kind = headers.get("content-type", "").lower()
        if "multipart/form-data" in kind:
            await _answer(MultipartForm("Multipart forms are not read here."))(scope, receive, send)
            return
        too_large = body_too_large(self._limit)
        if "x-www-form-urlencoded" in kind and not scope["path"].startswith("/api/"):
            too_large = min(too_large, form_too_large(), key=_limit_of)
        limit = _limit_of(too_large)
        declared = headers.get("content-length", "")
        if declared.isdecimal() and int(declared) > limit:
            await _answer(too_large)(scope, receive, send)
            return
        size = 0
        refused = False

        async def counted() -> Message:
            nonlocal size
            message = await receive()
            size += len(message.get("body", b""))
            if size > limit:
                raise too_large
            return message

        async def answered(message: Message) -> None:
            # Whoever was reading the body may have taken the error for one of its own.
            nonlocal refused
            if size <= limit:
                await send(message)
            elif not refused:
                refused = True
                await _answer(too_large)(scope, receive, send)

        await self._app(scope, counted, answered)


class MultipartForm(Problem):
    """A form in a shape that no page of ours sends."""

    status = 415
    title = "Unsupported media type"


def body_too_large(limit: int) -> TooLarge:
    """The problem of a body beyond the limit."""
    return TooLarge(
        f"The body exceeds max_body_bytes ({limit} bytes): send fewer steps in one request.",
        limit_name="max_body_bytes",
        limit=limit,
    )


def form_too_large() -> TooLarge:
    """The problem of a form that no page of ours could have sent."""
    return TooLarge(f"The form exceeds {MOST_FORM_BYTES} bytes.", limit=MOST_FORM_BYTES)


def _limit_of(problem: TooLarge) -> int:
    return int(problem.members["limit"])


def _answer(problem: Problem) -> JSONResponse:
    return problem_response(problem.status, problem.title, problem.detail, problem.members)
