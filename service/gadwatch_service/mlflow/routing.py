"""How a request of MLflow's client is read and how a refusal reaches it."""

from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

import msgspec
import psycopg
from fastapi import Request, Response
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from gadwatch_service.errors import Problem
from gadwatch_service.mlflow.errors import MlflowError, code_of_status, invalid

T = TypeVar("T")


class MlflowRoute(APIRoute):
    """A route that answers every refusal in MLflow's shape, whichever part refused."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """FastAPI's handler, its errors translated."""
        handle = super().get_route_handler()

        async def translated(request: Request) -> Response:
            try:
                return await handle(request)
            except MlflowError as error:
                return refusal(error.status, error.code, error.message)
            except Problem as error:
                # The protocol has no 422: what cannot be understood is a 400.
                status = 400 if error.status == 422 else error.status
                code = code_of_status(status)
                return refusal(status, code, error.detail, error.headers)
            except (PoolTimeoutError, psycopg.OperationalError):
                message = "The database is away or overloaded; nothing was stored, try again."
                return refusal(503, "TEMPORARILY_UNAVAILABLE", message, {"Retry-After": "2"})

        return translated


def refusal(
    status: int, code: str, message: str, headers: dict[str, str] | None = None
) -> JSONResponse:
    """MLflow's error body."""
    return JSONResponse({"error_code": code, "message": message}, status, headers)


def body_of(kind: type[T]) -> Callable[[Request], Awaitable[T]]:
    """A dependency that reads the body as one of :mod:`gadwatch_service.mlflow.schemas`."""
    decoder = msgspec.json.Decoder(kind)

    async def read(request: Request) -> T:
        body = await request.body()
        if rb"\u0000" in body:
            raise invalid("the character U+0000 cannot be stored; leave it out")
        try:
            return decoder.decode(body or b"{}")
        except msgspec.ValidationError as error:
            raise invalid(str(error)) from None
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise invalid(f"the body is not JSON: {error}") from None

    return read
