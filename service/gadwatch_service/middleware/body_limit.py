from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gadwatch_service.errors import TooLarge, problem_response


class BodyLimit:
    """Refuses bodies larger than the setting ``max_body_bytes``, declared or not."""

    def __init__(self, app: ASGIApp, limit: int) -> None:
        self._app = app
        self._limit = limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 413 to a declared length beyond the limit; count what comes otherwise."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        declared = Headers(scope=scope).get("content-length", "")
        if declared.isdecimal() and int(declared) > self._limit:
            await self._refuse(scope, receive, send)
            return
        size = 0
        refused = False

        async def counted() -> Message:
            nonlocal size
            message = await receive()
            size += len(message.get("body", b""))
            if size > self._limit:
                raise body_too_large(self._limit)
            return message

        async def answered(message: Message) -> None:
            # Whoever was reading the body may have taken the error for one of its own.
            nonlocal refused
            if size <= self._limit:
                await send(message)
            elif not refused:
                refused = True
                await self._refuse(scope, receive, send)

        await self._app(scope, counted, answered)

    async def _refuse(self, scope: Scope, receive: Receive, send: Send) -> None:
        error = body_too_large(self._limit)
        reply = problem_response(error.status, error.title, error.detail, error.members)
        await reply(scope, receive, send)


def body_too_large(limit: int) -> TooLarge:
    """The problem of a body beyond the limit."""
    return TooLarge(
        f"The body exceeds max_body_bytes ({limit} bytes): send fewer steps in one request.",
        limit_name="max_body_bytes",
        limit=limit,
    )
