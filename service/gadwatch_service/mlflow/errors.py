"""MLflow's error shape: ``{"error_code", "message"}`` with the status that its client expects."""

import json
from collections.abc import Awaitable, Callable
from typing import Any, Final

from fastapi import FastAPI
from fastapi.responses import JSONResponse, Response
from starlette.requests import Request

from gadwatch_service.errors import Problem

STATUS_OF_CODE: Final = {
    "INVALID_PARAMETER_VALUE": 400,
    "RESOURCE_ALREADY_EXISTS": 400,
    "UNAUTHENTICATED": 401,
    "PERMISSION_DENIED": 403,
    "RESOURCE_DOES_NOT_EXIST": 404,
    "ENDPOINT_NOT_FOUND": 404,
    "RESOURCE_CONFLICT": 409,
    "REQUEST_LIMIT_EXCEEDED": 429,
    "INTERNAL_ERROR": 500,
    "NOT_IMPLEMENTED": 501,
    "TEMPORARILY_UNAVAILABLE": 503,
}

_CODE_OF_STATUS: Final = {
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "RESOURCE_DOES_NOT_EXIST",
    405: "ENDPOINT_NOT_FOUND",
    409: "RESOURCE_CONFLICT",
    429: "REQUEST_LIMIT_EXCEEDED",
    503: "TEMPORARILY_UNAVAILABLE",
}

_PREFIXES: Final = ("/api/2.0/mlflow", "/api/3.0/mlflow")

Handler = Callable[[Any, Any], Awaitable[Response]]


class MlflowError(Problem):
    """A refusal in MLflow's words; ``code`` is one of :data:`STATUS_OF_CODE`."""

    title = "Refused"

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail, error_code=code)
        self.code = code
        self.status = STATUS_OF_CODE[code]  # type: ignore[misc]  # here it differs by instance


def invalid(message: str) -> MlflowError:
    """The request itself is wrong; a repetition would not help."""
    return MlflowError("INVALID_PARAMETER_VALUE", message)


def missing(message: str) -> MlflowError:
    """What the request names does not exist: the code that MLflow's client tests for."""
    return MlflowError("RESOURCE_DOES_NOT_EXIST", message)


def speak_mlflow(app: FastAPI) -> None:
    """Answer every refusal of the door in MLflow's shape, whichever part of ``app`` refuses.

    To be called when the error handlers of ``app`` are in place.
    """
    for kind, handler in list(app.exception_handlers.items()):
        app.add_exception_handler(kind, _translated(handler))


def _translated(handler: Any) -> Handler:
    async def answer(request: Any, error: Any) -> Response:
        response: Response = await handler(request, error)
        if not isinstance(request, Request) or not request.url.path.startswith(_PREFIXES):
            return response
        problem = json.loads(bytes(response.body) or b"{}")
        # The protocol has no 422: what cannot be understood is a 400.
        status = 400 if response.status_code == 422 else response.status_code
        body = {
            "error_code": problem.get("error_code") or code_of_status(status),
            "message": problem.get("detail", ""),
        }
        kept = {
            name: value
            for name, value in response.headers.items()
            if name in ("retry-after", "www-authenticate")
        }
        return JSONResponse(body, status, kept)

    return answer


def code_of_status(status: int) -> str:
    """The error code for a refusal that was raised by another part of the service."""
    if status in _CODE_OF_STATUS:
        return _CODE_OF_STATUS[status]
    return "INTERNAL_ERROR" if status >= 500 else "INVALID_PARAMETER_VALUE"
