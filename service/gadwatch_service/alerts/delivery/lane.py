"""Everything that is due for one endpoint, sent side by side up to a limit.

Each endpoint has a lane of its own, so that one that hangs holds up nobody else.
"""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection

from gadwatch_service.alerts.backoff import pause_s
from gadwatch_service.alerts.delivery import repository
from gadwatch_service.alerts.delivery.digest import hold_back
from gadwatch_service.alerts.delivery.repository import Claim, StoredEndpoint, Verdict
from gadwatch_service.alerts.delivery.sender import Sender
from gadwatch_service.alerts.outcome import Outcome, Result
from gadwatch_service.alerts.routing import Policy
from gadwatch_service.clock import Clock
from gadwatch_service.store.database import Database

log = logging.getLogger("gadwatch.alerts")

LEASE: Final = timedelta(seconds=60)
"""Four times as long as the longest attempt."""


class Lane:
    """Drains one endpoint's queue."""

    def __init__(
        self, database: Database, sender: Sender, now: Clock, worker: str, concurrency: int
    ) -> None:
        self._database = database
        self._sender = sender
        self._now = now
        self._worker = worker
        self._concurrency = concurrency

    async def drain(self, endpoint_id: str) -> None:
        """Send until nothing is due, the endpoint rests, or its rate is used up.

        1. Look at the endpoint anew: it may have been disabled or begun to fail.
        2. Claim as many as there is room for; an endpoint that fails is probed by one.
        3. Send them, each in its own task; go on as soon as one is done.
        """
        flying: set[asyncio.Task[tuple[Outcome, Verdict]]] = set()
        try:
            while True:
                for claim, endpoint in await self._next(endpoint_id, len(flying)):
                    flying.add(asyncio.create_task(self.send(endpoint, claim)))
                if not flying:
                    return
                done, flying = await asyncio.wait(flying, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    task.result()
        finally:
            for task in flying:
                task.cancel()
            await asyncio.gather(*flying, return_exceptions=True)

    async def _next(self, endpoint_id: str, in_flight: int) -> list[tuple[Claim, StoredEndpoint]]:
        """Claim what may be sent now."""
        now = self._now()
        async with self._database.connection() as connection:
            endpoint = await repository.get_endpoint(connection, endpoint_id)
            if endpoint is None or endpoint.disabled_reason is not None:
                await repository.bury(connection, endpoint_id, now)
                await connection.commit()
                return []
            if endpoint.paused_until is not None and endpoint.paused_until > now:
                return []
            policy = Policy.model_validate(endpoint.policy)
            rate = policy.max_per_minute or self._sender.adapters.of(endpoint.kind).max_per_minute
            careful = endpoint.consecutive_failures > 0 or rate is not None
            room = (1 if careful else self._concurrency) - in_flight
            if room <= 0:
                return []
            due = await repository.list_due(connection, endpoint_id, now, room)
            if not due:
                return []
            if rate is not None:
                free_at = await repository.take_slot(connection, endpoint_id, rate, now)
                if free_at is not None:
                    while await hold_back(connection, endpoint_id, policy.lang, now, free_at):
                        pass
                    await connection.commit()
                    return []
            claims = [
                await repository.claim(
                    connection, *one, worker=self._worker, now=now, until=now + LEASE
                )
                for one in due
            ]
            await connection.commit()
        return [(claim, endpoint) for claim in claims if claim is not None]

    async def send(
        self, endpoint: StoredEndpoint, claim: Claim, *, final: bool = False
    ) -> tuple[Outcome, Verdict]:
        """Send outside any transaction, then record; a ``final`` attempt is the only one."""
        outcome, verdict = await self._sender.attempt(endpoint, claim)
        if final and verdict.state == "pending":
            verdict = replace(verdict, state="dead", due_at=None)
        async with self._transaction() as connection:
            await repository.record(connection, claim, verdict, self._worker, self._now())
        await self._note(endpoint, outcome, verdict.detail)
        return outcome, verdict

    async def _note(self, endpoint: StoredEndpoint, outcome: Outcome, detail: str) -> None:
        """What an attempt says about the endpoint itself.

        In a transaction of its own: it may touch many deliveries, and whoever holds one of them
        must not wait for the endpoint's row.
        """
        endpoint_id, now = endpoint.endpoint_id, self._now()
        match outcome.result:
            case Result.DELIVERED if endpoint.consecutive_failures > 0:
                async with self._transaction() as connection:
                    await repository.note_success(connection, endpoint_id, now)
            case Result.RETRY:
                async with self._transaction() as connection:
                    failures = await repository.note_failure(connection, endpoint_id)
                    rest = max(pause_s(failures) or 0.0, outcome.retry_after_s or 0.0)
                    if rest:
                        until = now + timedelta(seconds=rest)
                        await repository.pause(connection, endpoint_id, until)
            case Result.GONE:
                reason = f"the receiver says that it is no more (HTTP {outcome.status}): {detail}"
                log.warning("endpoint %s disabled: %s", endpoint.name, reason)
                async with self._transaction() as connection:
                    await repository.disable(connection, endpoint_id, reason, now)
            case _:
                pass

    @asynccontextmanager
    async def _transaction(self) -> AsyncIterator[AsyncConnection]:
        async with self._database.connection() as connection, connection.begin():
            yield connection
