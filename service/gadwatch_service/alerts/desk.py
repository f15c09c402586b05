"""Everything that alerts need while the service runs, opened and closed together."""

import secrets
from contextlib import AsyncExitStack
from typing import Any, Self

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession

from gadwatch_service.alerts.adapters.registry import Adapters
from gadwatch_service.alerts.delivery.lane import LEASE, Lane
from gadwatch_service.alerts.delivery.retention import EVERY_S, forget_ended
from gadwatch_service.alerts.delivery.sender import Sender
from gadwatch_service.alerts.delivery.worker import DeliveryWorker
from gadwatch_service.alerts.events import Language, Message, Reason
from gadwatch_service.alerts.outbox.record import new_delivery_id
from gadwatch_service.alerts.outbox.repository import add_delivery
from gadwatch_service.alerts.outbox.review import review_due
from gadwatch_service.alerts.outcome import Result
from gadwatch_service.alerts.queue import repository as queue
from gadwatch_service.alerts.queue.repository import NO_RUN
from gadwatch_service.alerts.routing import Policy
from gadwatch_service.alerts.schemas import TestOutcome
from gadwatch_service.alerts.service import Registrar, get_endpoint
from gadwatch_service.alerts.stalls.sweep import Sweep
from gadwatch_service.alerts.transport import Transport
from gadwatch_service.alerts.vault import open_vault
from gadwatch_service.clock import Clock
from gadwatch_service.judging.keeper import Keeper
from gadwatch_service.runs.service import assess_run
from gadwatch_service.settings import Settings
from gadwatch_service.store.database import Database, driver_connection
from gadwatch_service.workers import Worker

_ROUND_S = 5.0
"""Repeats, ends of silences and silent runs are looked for this often."""


class Alerts:
    """Sending, reviewing and listening for silence; an async context manager.

    It owns the connections to receivers. ``workers`` do its rounds where the process has any.
    """

    def __init__(self, settings: Settings, database: Database, keeper: Keeper, now: Clock) -> None:
        self._settings = settings
        self._database = database
        self._now = now
        self._sweep = Sweep(keeper, database)
        transport = Transport(settings.alert_allow_private)
        adapters = Adapters(transport, settings.smtp_url, settings.smtp_from)
        vault = open_vault(settings.secret_key, settings.data_dir)
        self._sender = Sender(adapters, vault, settings.base_url, now)
        self.registrar = Registrar(adapters, vault)
        self._worker = DeliveryWorker(
            database,
            self._sender,
            now,
            concurrency=settings.delivery_concurrency,
            poll_s=settings.poll_seconds,
            grace_s=settings.shutdown_seconds,
        )
        self._transport = transport
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        await self._stack.enter_async_context(self._transport)
        if self._settings.run_workers:
            await self._stack.enter_async_context(self._worker)
        return self

    async def __aexit__(self, *_exc: object) -> None:
        await self._stack.aclose()

    def workers(self) -> list[Worker]:
        """The background work, for a process that does any."""
        return [
            # It waits by itself, for a notification or its poll.
            Worker("deliveries", self._worker.round, every=0.0),
            Worker("reviews", self._review, every=_ROUND_S),
            Worker("stalls", lambda: self._sweep.round(self._now()), every=_ROUND_S),
            Worker("delivery-log", self._forget, every=EVERY_S),
        ]

    async def _review(self) -> bool:
        return await review_due(self._database, self._now(), _assess)

    async def _forget(self) -> bool:
        days = self._settings.delivery_log_days
        return await forget_ended(self._database, days, self._now())

    async def deliver_now(self) -> None:
        """Deliver everything that is due, and wait for it; for processes without workers."""
        await self._worker.settle()

    async def send_test(self, endpoint_id: str) -> TestOutcome:
        """Send a test message now, past every filter, and record it in the log.

        Raises NotFound. No transaction is open while it is sent.
        """
        now, me = self._now(), f"test-{secrets.token_hex(6)}"
        async with self._database.session() as session:
            lang = Policy.model_validate((await get_endpoint(session, endpoint_id)).policy).lang
            connection = await session.connection()
            delivery_id = new_delivery_id()
            await add_delivery(
                connection,
                NO_RUN,
                delivery_id,
                endpoint_id,
                Message(reason=Reason.TEST, lang=lang),
                created_at=now,
                due_at=now,
            )
            driver = await driver_connection(connection)
            [claim] = await queue.claim(
                driver, [(NO_RUN, delivery_id)], worker=me, now=now, until=now + LEASE
            )
            endpoint = await queue.get_endpoint(driver, endpoint_id)
        assert endpoint is not None
        lane = Lane(self._database, self._sender, self._now, me, concurrency=1)
        outcome, verdict = await lane.send_once(endpoint, claim)
        return TestOutcome(
            delivery_id=delivery_id,
            ok=outcome.result is Result.DELIVERED,
            status=outcome.status,
            duration_ms=verdict.duration_ms,
            detail=verdict.detail,
        )


async def _assess(connection: AsyncConnection, run_id: str, lang: Language) -> dict[str, Any]:
    async with AsyncSession(connection, join_transaction_mode="create_savepoint") as session:
        return (await assess_run(session, run_id, lang=lang)).as_dict()
