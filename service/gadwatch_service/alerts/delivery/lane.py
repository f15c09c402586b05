"""Everything that is due for one endpoint, sent side by side up to a limit.

Each endpoint has a lane of its own, so that one that hangs holds up nobody else.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection

from gadwatch_service.alerts.backoff import pause_s
from gadwatch_service.alerts.delivery import repository
from gadwatch_service.alerts.delivery.digest import hold_back
from gadwatch_service.alerts.delivery.sender import Sender
from gadwatch_service.alerts.outcome import Outcome, Result
from gadwatch_service.alerts.queue import repository as queue
from gadwatch_service.alerts.queue.repository import Claim, StoredEndpoint, Verdict
from gadwatch_service.alerts.routing import Policy
from gadwatch_service.clock import Clock
from gadwatch_service.store.database import Database

log = logging.getLogger("gadwatch.alerts")

LEASE: Final = timedelta(seconds=60)
"""Four times as long as the longest attempt."""

_CONNECTIONS: Final = 3
"""Connections to the database that sending may hold at once: requests need the others."""


_GATHER_S: Final = 0.005
"""So long others may follow the first that is done: one transaction then records them all."""


@dataclass(frozen=True, slots=True)
class Sent:
    """One attempt that has been made and is still to be recorded."""

    endpoint: StoredEndpoint
    claim: Claim
    outcome: Outcome
    verdict: Verdict


class Lane:
    """Drains endpoints' queues, one call an endpoint."""

    def __init__(
        self, database: Database, sender: Sender, now: Clock, worker: str, concurrency: int
    ) -> None:
        self._database = database
        self._sender = sender
        self._now = now
        self._worker = worker
        self._concurrency = concurrency
        self._share = asyncio.Semaphore(_CONNECTIONS)

    async def drain(self, endpoint_id: str) -> None:
        """Send until nothing is due, the endpoint rests, or its rate is used up.

        1. Look at the endpoint anew: it may have been disabled or begun to fail.
        2. Claim as many as there is room for; an endpoint that fails is probed by one.
        3. Send them, each in its own task, outside any transaction.
        4. Once one is done, record it together with those that are done just after, and go on.
        """
        flying: set[asyncio.Task[Sent]] = set()
        try:
            while True:
                for endpoint, claim in await self._next(endpoint_id, len(flying)):
                    flying.add(asyncio.create_task(self._send(endpoint, claim)))
                if not flying:
                    return
                done, flying = await asyncio.wait(flying, return_when=asyncio.FIRST_COMPLETED)
                if flying:
                    more, flying = await asyncio.wait(flying, timeout=_GATHER_S)
                    done |= more
                await self._record([task.result() for task in done])
        finally:
            for task in flying:
                task.cancel()
            await asyncio.gather(*flying, return_exceptions=True)

    async def send_once(self, endpoint: StoredEndpoint, claim: Claim) -> tuple[Outcome, Verdict]:
        """Send a claimed delivery that is not tried again, whatever comes of it."""
        sent = await self._send(endpoint, claim)
        verdict = sent.verdict
        if verdict.state == "pending":
            verdict = replace(verdict, state="dead", due_at=None)
        await self._record([replace(sent, verdict=verdict)])
        return sent.outcome, verdict

    async def _send(self, endpoint: StoredEndpoint, claim: Claim) -> Sent:
        outcome, verdict = await self._sender.attempt(endpoint, claim)
        return Sent(endpoint, claim, outcome, verdict)

    async def _next(self, endpoint_id: str, in_flight: int) -> list[tuple[StoredEndpoint, Claim]]:
        """Claim what may be sent now."""
        now = self._now()
        async with self._share, self._database.drivers.connection() as driver:
            endpoint = await queue.get_endpoint(driver, endpoint_id)
            if endpoint is not None and endpoint.disabled_reason is None:
                rate = self._rate(endpoint)
                room = self._room(endpoint, rate, now) - in_flight
                due = await queue.list_due(driver, endpoint_id, now, room) if room > 0 else []
        if endpoint is None or endpoint.disabled_reason is not None:
            async with self._transaction() as connection:
                await repository.bury(connection, endpoint_id, now)
            return []
        if not due or (rate is not None and not await self._may_send(endpoint, rate, now)):
            return []
        async with self._share, self._database.drivers.connection() as driver:
            claims = await queue.claim(driver, due, worker=self._worker, now=now, until=now + LEASE)
        return [(endpoint, claim) for claim in claims]

    def _rate(self, endpoint: StoredEndpoint) -> int | None:
        """The most messages a minute that the endpoint gets; None: any number."""
        policy = Policy.model_validate(endpoint.policy)
        return policy.max_per_minute or self._sender.adapters.of(endpoint.kind).max_per_minute

    def _room(self, endpoint: StoredEndpoint, rate: int | None, now: datetime) -> int:
        """How many may be in flight: one to an endpoint that fails or counts."""
        if endpoint.paused_until is not None and endpoint.paused_until > now:
            return 0
        return 1 if endpoint.consecutive_failures > 0 or rate is not None else self._concurrency

    async def _may_send(self, endpoint: StoredEndpoint, rate: int, now: datetime) -> bool:
        """Take one sending of this minute, or fold what is due into a digest for later."""
        lang = Policy.model_validate(endpoint.policy).lang
        async with self._transaction() as connection:
            free_at = await repository.take_slot(connection, endpoint.endpoint_id, rate, now)
            if free_at is None:
                return True
            while await hold_back(connection, endpoint.endpoint_id, lang, now, free_at):
                pass
            return False

    async def _record(self, batch: Sequence[Sent]) -> None:
        async with self._share, self._database.drivers.connection() as driver:
            attempts = [(sent.claim, sent.verdict) for sent in batch]
            await queue.record(driver, attempts, self._worker, self._now())
        for sent in batch:
            await self._note(sent)

    async def _note(self, sent: Sent) -> None:
        """What an attempt says about the endpoint itself.

        In a transaction of its own: it may touch many deliveries, and whoever holds one of them
        must not wait for the endpoint's row.
        """
        endpoint, outcome, now = sent.endpoint, sent.outcome, self._now()
        match outcome.result:
            case Result.DELIVERED if endpoint.consecutive_failures > 0:
                async with self._transaction() as connection:
                    await repository.note_success(connection, endpoint.endpoint_id, now)
            case Result.RETRY:
                async with self._transaction() as connection:
                    failures = await repository.note_failure(connection, endpoint.endpoint_id)
                    rest = max(pause_s(failures) or 0.0, outcome.retry_after_s or 0.0)
                    if rest:
                        until = now + timedelta(seconds=rest)
                        await repository.pause(connection, endpoint.endpoint_id, until)
            case Result.REJECTED:
                # Nothing is put off over it, but whoever looks at the endpoint should see it.
                async with self._transaction() as connection:
                    await repository.note_failure(connection, endpoint.endpoint_id)
            case Result.GONE:
                reason = (
                    "the receiver says that it is no more "
                    f"(HTTP {outcome.status}): {sent.verdict.detail}"
                )
                log.warning("endpoint %s disabled: %s", endpoint.name, reason)
                async with self._transaction() as connection:
                    await repository.disable(connection, endpoint.endpoint_id, reason, now)
            case _:
                pass

    @asynccontextmanager
    async def _transaction(self) -> AsyncIterator[AsyncConnection]:
        async with (
            self._share,
            self._database.connection() as connection,
            connection.begin(),
        ):
            yield connection
