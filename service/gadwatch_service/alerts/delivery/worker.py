"""Delivers what the outbox holds. Several processes share the work."""

import asyncio
import logging
import secrets
from contextlib import suppress
from typing import Final, Self

import psycopg
from psycopg import sql

from gadwatch_service import metrics
from gadwatch_service.alerts.delivery.lane import Lane
from gadwatch_service.alerts.delivery.sender import Sender
from gadwatch_service.alerts.outbox.repository import CHANNEL
from gadwatch_service.alerts.queue import repository as queue
from gadwatch_service.clock import Clock
from gadwatch_service.store.database import Database

log = logging.getLogger("gadwatch.alerts")

_RELISTEN_S: Final = 2.0


class DeliveryWorker:
    """One process' share of the deliveries; an async context manager.

    At least once: a delivery is recorded after it was sent, so a crash between the two sends it
    again under the same id. When it closes, what is in flight may finish for ``grace_s``; then
    its leases are given back.
    """

    def __init__(
        self,
        database: Database,
        sender: Sender,
        now: Clock,
        *,
        concurrency: int = 8,
        poll_s: float = 1.0,
        grace_s: float = 5.0,
    ) -> None:
        self.name = f"worker-{secrets.token_hex(6)}"
        self._database = database
        self._now = now
        self._poll_s = poll_s
        self._grace_s = grace_s
        self._lane = Lane(database, sender, now, self.name, concurrency)
        self._lanes: dict[str, asyncio.Task[None]] = {}
        self._again: set[str] = set()
        self._woken = asyncio.Event()
        self.listening = asyncio.Event()
        """Set once notifications reach this worker."""
        self._listener: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._listener = asyncio.create_task(self._listen(), name="deliveries-listener")
        return self

    async def __aexit__(self, *_exc: object) -> None:
        if self._listener is not None:
            self._listener.cancel()
            with suppress(asyncio.CancelledError):
                await self._listener
        lanes = list(self._lanes.values())
        if lanes:
            _, late = await asyncio.wait(lanes, timeout=self._grace_s)
            for lane in late:
                lane.cancel()
            await asyncio.gather(*late, return_exceptions=True)
        with suppress(psycopg.OperationalError, OSError):
            async with self._database.drivers.connection() as connection:
                await queue.release(connection, self.name, self._now())

    async def round(self) -> bool:
        """Wait for a wake-up or the next poll, then start a lane wherever something is due.

        One round of a background worker; never asks to be called again at once, because it
        waits by itself.
        """
        with suppress(TimeoutError):
            async with asyncio.timeout(self._poll_s):
                await self._woken.wait()
        self._woken.clear()
        await self.dispatch()
        return False

    async def dispatch(self) -> None:
        """Start the lanes of all endpoints that something is due for."""
        self._collect()
        async with self._database.drivers.connection() as connection:
            busy = await queue.endpoints_with_work(connection, self._now())
        for endpoint_id in busy:
            if endpoint_id in self._lanes:
                self._again.add(endpoint_id)
            else:
                self._lanes[endpoint_id] = asyncio.create_task(
                    self._drain(endpoint_id), name=f"lane-{endpoint_id}"
                )

    async def settle(self) -> None:
        """Deliver everything that is due now, and wait for it."""
        await self.dispatch()
        while self._lanes:
            await asyncio.wait(self._lanes.values())
            await self.dispatch()

    def _collect(self) -> None:
        """Forget lanes that have ended."""
        self._lanes = {name: task for name, task in self._lanes.items() if not task.done()}

    async def _drain(self, endpoint_id: str) -> None:
        try:
            await self._lane.drain(endpoint_id)
        except Exception:
            # Leases end by themselves; the next round opens the lane again.
            log.exception("the lane of endpoint %s failed", endpoint_id)
            metrics.worker_errors.labels("deliveries").inc()
        finally:
            if endpoint_id in self._again:
                # Something may have come due between its last look and now.
                self._again.discard(endpoint_id)
                self._woken.set()

    async def _listen(self) -> None:
        """Wake the worker at every notification; without a connection, polling goes on."""
        url = self._database.url.replace("postgresql+psycopg://", "postgresql://")
        while True:
            try:
                async with await psycopg.AsyncConnection.connect(
                    url, autocommit=True, application_name="gadwatch-listener"
                ) as connection:
                    await connection.execute(sql.SQL("LISTEN {}").format(sql.Identifier(CHANNEL)))
                    self.listening.set()
                    async for _ in connection.notifies():
                        self._woken.set()
            except (psycopg.Error, OSError) as error:
                log.warning("no notifications of deliveries: %s", type(error).__name__)
                metrics.worker_errors.labels("deliveries-listener").inc()
            await asyncio.sleep(_RELISTEN_S)
