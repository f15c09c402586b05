"""What a call of MLflow's client comes with: its body, its asker, the parts that serve it."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, TypeVar

import msgspec
from fastapi import Depends, Request

from gadwatch_service.access.guard import current_identity
from gadwatch_service.access.identity import Identity
from gadwatch_service.ingest.body import read_body
from gadwatch_service.ingest.service import Ingest
from gadwatch_service.judging.keeper import Keeper
from gadwatch_service.mlflow.errors import invalid
from gadwatch_service.settings import Settings
from gadwatch_service.store.database import Database

T = TypeVar("T")


@dataclass(frozen=True)
class Door:
    """Who asks and when, and what of the service the door passes on to."""

    who: Identity
    now: datetime
    settings: Settings
    database: Database
    keeper: Keeper
    ingest: Ingest


def _door(request: Request, who: Annotated[Identity, Depends(current_identity)]) -> Door:
    state = request.app.state
    return Door(who, state.now(), state.settings, state.database, state.keeper, state.ingest)


AtDoor = Annotated[Door, Depends(_door)]


def body_of(kind: type[T]) -> Callable[[Request], Awaitable[T]]:
    """A dependency that reads the body as one of :mod:`gadwatch_service.mlflow.schemas`."""
    decoder = msgspec.json.Decoder(kind)

    async def read(request: Request) -> T:
        body = await read_body(request, request.app.state.settings)
        if rb"\u0000" in body:
            raise invalid("the character U+0000 cannot be stored; leave it out")
        try:
            return decoder.decode(body or b"{}")
        except msgspec.ValidationError as error:
            raise invalid(str(error)) from None
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise invalid(f"the body is not JSON: {error}") from None

    return read
