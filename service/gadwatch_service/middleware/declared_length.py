from typing import Final

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from gadwatch_service.errors import TooLarge, problem_response


class DeclaredLength:
    """Refuses a body that says it is too large before a byte of it is read.

    Bodies that do not say are counted by the application itself (``max_body_size``).
    """

    def __init__(self, app: ASGIApp, limit: int) -> None:
        self._app = app
        self._limit: Final = limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on or answer 413."""
        if scope["type"] == "http":
            declared = Headers(scope=scope).get("content-length", "")
            if declared.isdigit() and int(declared) > self._limit:
                refusal = problem_response(
                    TooLarge.status,
                    TooLarge.title,
                    f"The body exceeds max_body_bytes ({self._limit} bytes): send it in parts.",
                    {"limit_name": "max_body_bytes", "limit": self._limit},
                )
                await refusal(scope, receive, send)
                return
        await self._app(scope, receive, send)
