import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import psycopg
from psycopg.pq import TransactionStatus

from gadwatch_service.errors import Unavailable
from gadwatch_service.store.binary import PackedFloats, PackedFloatsDumper

WAIT_SECONDS: Final = 5.0
"""How long a request waits for a connection before it is sent away with a 503."""


class DriverPool:
    """Connections of the driver itself, in autocommit: a statement is a transaction.

    For the hot path only, where SQLAlchemy's connection would cost more than the statement.
    """

    def __init__(self, address: str, size: int, options: str) -> None:
        self._address = address
        self._options = options
        self._free = asyncio.Semaphore(size)
        self._idle: list[psycopg.AsyncConnection] = []

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[psycopg.AsyncConnection]:
        """A connection of one's own for a while. Raises Unavailable when none gets free."""
        try:
            async with asyncio.timeout(WAIT_SECONDS):
                await self._free.acquire()
        except TimeoutError:
            raise Unavailable(
                "Too many requests are waiting for the database; nothing was stored, try again.",
                headers={"Retry-After": "2"},
            ) from None
        try:
            connection = self._idle.pop() if self._idle else await self._connect()
            try:
                yield connection
            except psycopg.OperationalError:
                # The server has gone away, and with it whatever waits here.
                await self.close()
                raise
            finally:
                idle = connection.info.transaction_status == TransactionStatus.IDLE
                if idle and not connection.closed:
                    self._idle.append(connection)
                else:
                    await connection.close()
        finally:
            self._free.release()

    async def close(self) -> None:
        """Close the idle connections; those in use are closed by their users' end."""
        while self._idle:
            await self._idle.pop().close()

    async def _connect(self) -> psycopg.AsyncConnection:
        connection = await psycopg.AsyncConnection.connect(
            self._address, autocommit=True, options=self._options, application_name="gadwatch"
        )
        connection.adapters.register_dumper(PackedFloats, PackedFloatsDumper)
        return connection
