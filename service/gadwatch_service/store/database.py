from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final, cast

import psycopg
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession, create_async_engine

from gadwatch_service.errors import Invalid, Unavailable, problem_response
from gadwatch_service.store.binary import PackedFloats, PackedFloatsDumper
from gadwatch_service.store.pool import WAIT_SECONDS, DriverPool

_OPTIONS: Final = (
    "-c lock_timeout=10s -c statement_timeout=60s -c idle_in_transaction_session_timeout=120s"
)


class Database:
    """The pool of connections to Postgres, and the transactions made on it."""

    def __init__(self, url: str, pool: int = 20) -> None:
        self.url = url
        hot = pool // 2  # The rest is for everything that SQLAlchemy speaks.
        self.engine = create_async_engine(
            url,
            pool_size=pool - hot,
            max_overflow=0,
            pool_timeout=WAIT_SECONDS,
            pool_use_lifo=True,
            connect_args={"options": _OPTIONS, "application_name": "gadwatch"},
        )
        self.drivers = DriverPool(url.replace("+psycopg", "", 1), hot, _OPTIONS)

    @asynccontextmanager
    async def session(self) -> AsyncIterator[AsyncSession]:
        """A session in a transaction of its own: committed at the end, rolled back on an error."""
        async with (
            AsyncSession(self.engine, expire_on_commit=False) as session,
            session.begin(),
        ):
            yield session

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[AsyncConnection]:
        """A connection for what must control its own transactions (ingest, the workers)."""
        async with self.engine.connect() as connection:
            yield connection

    async def close(self) -> None:
        """Close every connection."""
        await self.drivers.close()
        await self.engine.dispose()


async def driver_connection(connection: AsyncConnection) -> psycopg.AsyncConnection:
    """The psycopg connection below: for COPY, pipelines and binary results."""
    raw = await connection.get_raw_connection()
    driver = cast("psycopg.AsyncConnection", raw.driver_connection)
    driver.adapters.register_dumper(PackedFloats, PackedFloatsDumper)
    return driver


def database_of(request: Request) -> Database:
    """The application's database."""
    return cast("Database", request.app.state.database)


async def get_session(request: Request) -> AsyncIterator[AsyncSession]:
    """The request's session: one request, one transaction.

    Use it as ``Depends(get_session, scope="function")``: with the default scope the commit would
    come after the reply has been sent.
    """
    async with database_of(request).session() as session:
        yield session


def add_database_error_handlers(app: FastAPI) -> None:
    """Answer 503 with ``Retry-After`` while the database is away, busy or full.

    A value that no column can hold, such as a text with NUL in it, is the caller's fault: 422.
    """

    async def unavailable(_request: Request, _error: Exception) -> JSONResponse:
        return problem_response(
            503,
            Unavailable.title,
            "The database cannot be reached or is overloaded; nothing was stored, try again.",
            headers={"Retry-After": "2"},
        )

    async def unstorable(_request: Request, _error: Exception) -> JSONResponse:
        return problem_response(
            422,
            Invalid.title,
            "A value in the request cannot be stored: leave out NUL characters and numbers out of "
            "range.",
        )

    async def failed(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, DBAPIError)
        if isinstance(error.orig, psycopg.DataError):
            return await unstorable(request, error)
        if isinstance(error.orig, psycopg.OperationalError):
            return await unavailable(request, error)
        raise error

    app.add_exception_handler(PoolTimeoutError, unavailable)
    app.add_exception_handler(psycopg.OperationalError, unavailable)
    app.add_exception_handler(psycopg.DataError, unstorable)
    app.add_exception_handler(DBAPIError, failed)
