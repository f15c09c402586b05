"""The SQL of the outbox's sending side.

What is due is listed without a lock; claims name their run, so that they also work where runs
are spread over several servers.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import and_, case, delete, func, insert, literal, or_, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from gadwatch_service.alerts.events import Message
from gadwatch_service.store import tables

NO_RUN: Final = "~"
"""Stands for the run in deliveries about none or several; no run can be called so."""


@dataclass(frozen=True, slots=True)
class StoredEndpoint:
    """An endpoint as the sender needs it; address and secrets still encrypted."""

    endpoint_id: str
    kind: str
    name: str
    address: bytes
    secrets: bytes | None
    policy: dict[str, Any]
    disabled_reason: str | None
    consecutive_failures: int
    paused_until: datetime | None


@dataclass(frozen=True, slots=True)
class Claim:
    """A delivery that this worker alone may send until its lease ends."""

    run_id: str
    delivery_id: str
    message: Message
    attempts: int


@dataclass(frozen=True, slots=True)
class Verdict:
    """What follows from an attempt: the delivery's new state, and when it is due again."""

    state: str
    due_at: datetime | None
    number: int
    status: int | None
    duration_ms: int
    detail: str


async def endpoints_with_work(connection: AsyncConnection, now: datetime) -> list[str]:
    """The endpoints that something is due for, unless they rest."""
    delivery, endpoint = tables.Delivery, tables.Endpoint
    due = (
        select(delivery.endpoint_id)
        .distinct()
        .where(delivery.due_at <= now, _unleased(now))
        .subquery()
    )
    rows = await connection.execute(
        select(due.c.endpoint_id)
        .outerjoin(endpoint, endpoint.endpoint_id == due.c.endpoint_id)
        .where(or_(endpoint.paused_until.is_(None), endpoint.paused_until <= now))
    )
    return list(rows.scalars())


async def get_endpoint(connection: AsyncConnection, endpoint_id: str) -> StoredEndpoint | None:
    """One endpoint; None when it was deleted."""
    endpoint = tables.Endpoint
    row = (
        await connection.execute(
            select(
                endpoint.endpoint_id,
                endpoint.kind,
                endpoint.name,
                endpoint.address,
                endpoint.secrets,
                endpoint.policy,
                endpoint.disabled_reason,
                endpoint.consecutive_failures,
                endpoint.paused_until,
            ).where(endpoint.endpoint_id == endpoint_id)
        )
    ).one_or_none()
    return None if row is None else StoredEndpoint(*row)


_DUE = text("""
SELECT d.run_id, d.delivery_id
FROM deliveries d
WHERE d.endpoint_id = :endpoint_id
  AND d.due_at <= :now
  AND (d.leased_until IS NULL OR d.leased_until <= :now)
  AND NOT EXISTS (
    SELECT FROM deliveries older
    WHERE older.run_id = d.run_id
      AND older.endpoint_id = d.endpoint_id
      AND older.due_at <= :now
      AND (older.created_at, older.delivery_id) < (d.created_at, d.delivery_id))
ORDER BY d.due_at
LIMIT :limit
""")


async def list_due(
    connection: AsyncConnection, endpoint_id: str, now: datetime, limit: int
) -> list[tuple[str, str]]:
    """Deliveries that may be sent now, as (run, delivery), the longest due first.

    Of one run's messages to an endpoint only the oldest due one: an end must not overtake its
    beginning. One that waits for its next attempt does not hold up the others.
    """
    rows = await connection.execute(_DUE, {"endpoint_id": endpoint_id, "now": now, "limit": limit})
    return [(row.run_id, row.delivery_id) for row in rows]


_CLAIM = text("""
WITH picked AS (
  SELECT delivery_id FROM deliveries
  WHERE run_id = :run_id AND delivery_id = :delivery_id
    AND due_at <= :now AND (leased_until IS NULL OR leased_until <= :now)
  FOR UPDATE SKIP LOCKED)
UPDATE deliveries d SET leased_until = :until, leased_by = :worker
FROM picked
WHERE d.run_id = :run_id AND d.delivery_id = picked.delivery_id
RETURNING d.payload, d.attempts
""")


async def claim(
    connection: AsyncConnection,
    run_id: str,
    delivery_id: str,
    *,
    worker: str,
    now: datetime,
    until: datetime,
) -> Claim | None:
    """Lease one due delivery; None when another worker was faster."""
    row = (
        await connection.execute(
            _CLAIM,
            {
                "run_id": run_id,
                "delivery_id": delivery_id,
                "now": now,
                "until": until,
                "worker": worker,
            },
        )
    ).one_or_none()
    if row is None:
        return None
    return Claim(run_id, delivery_id, Message.from_json(row.payload), row.attempts)


async def record(
    connection: AsyncConnection, taken: Claim, verdict: Verdict, worker: str, now: datetime
) -> None:
    """Store an attempt and what follows from it.

    A success counts even when the lease has been lost meanwhile; a failure then does not.
    """
    delivery = tables.Delivery
    ours = delivery.leased_by == worker
    open_still = delivery.state == "pending"
    await connection.execute(
        update(delivery)
        .where(
            delivery.run_id == taken.run_id,
            delivery.delivery_id == taken.delivery_id,
            open_still if verdict.state == "delivered" else and_(open_still, ours),
        )
        .values(
            state=verdict.state,
            due_at=verdict.due_at,
            attempts=delivery.attempts + 1,
            leased_until=None,
            leased_by=None,
            finished_at=None if verdict.state == "pending" else now,
        )
    )
    attempt = tables.DeliveryAttempt
    number = (
        select(func.greatest(verdict.number, func.coalesce(func.max(attempt.number), 0) + 1))
        .where(attempt.run_id == taken.run_id, attempt.delivery_id == taken.delivery_id)
        .scalar_subquery()
    )
    await connection.execute(
        insert(attempt).values(
            run_id=taken.run_id,
            delivery_id=taken.delivery_id,
            number=number,
            at=now,
            ok=verdict.state == "delivered",
            status=verdict.status,
            duration_ms=verdict.duration_ms,
            detail=verdict.detail,
        )
    )


async def release(connection: AsyncConnection, worker: str, now: datetime) -> None:
    """Give the leases of a stopping worker back; what it was sending may have arrived."""
    delivery = tables.Delivery
    await connection.execute(
        update(delivery)
        .where(delivery.leased_by == worker, delivery.due_at.is_not(None))
        .values(leased_until=now)
    )


async def note_success(connection: AsyncConnection, endpoint_id: str, now: datetime) -> None:
    """Close the breaker; what had been put off while the endpoint failed is due at once."""
    endpoint, delivery = tables.Endpoint, tables.Delivery
    closed = await connection.execute(
        update(endpoint)
        .where(endpoint.endpoint_id == endpoint_id, endpoint.consecutive_failures > 0)
        .values(consecutive_failures=0, paused_until=None)
    )
    if closed.rowcount:
        await connection.execute(
            update(delivery)
            .where(
                delivery.endpoint_id == endpoint_id,
                delivery.due_at > now,
                delivery.attempts > 0,
            )
            .values(due_at=now)
        )


async def note_failure(connection: AsyncConnection, endpoint_id: str) -> int:
    """Count a failure in a row; returns how many there are."""
    endpoint = tables.Endpoint
    row = await connection.execute(
        update(endpoint)
        .where(endpoint.endpoint_id == endpoint_id)
        .values(consecutive_failures=endpoint.consecutive_failures + 1)
        .returning(endpoint.consecutive_failures)
    )
    return row.scalar_one_or_none() or 0


async def pause(connection: AsyncConnection, endpoint_id: str, until: datetime) -> None:
    """Let an endpoint rest; a longer rest stays."""
    endpoint = tables.Endpoint
    await connection.execute(
        update(endpoint)
        .where(endpoint.endpoint_id == endpoint_id)
        .values(paused_until=func.greatest(endpoint.paused_until, until))
    )


async def disable(
    connection: AsyncConnection, endpoint_id: str, reason: str, now: datetime
) -> None:
    """Send nothing more to an endpoint; what waits for it becomes dead letters."""
    endpoint = tables.Endpoint
    await connection.execute(
        update(endpoint)
        .where(endpoint.endpoint_id == endpoint_id, endpoint.disabled_reason.is_(None))
        .values(disabled_reason=reason)
    )
    await bury(connection, endpoint_id, now)


async def bury(connection: AsyncConnection, endpoint_id: str, now: datetime) -> None:
    """Forget what an endpoint knew, and make dead letters of what waits for it.

    In this order, which is also that of a change in a run: nobody waits for each other.
    """
    delivery = tables.Delivery
    await connection.execute(delete(tables.Notice).where(tables.Notice.endpoint_id == endpoint_id))
    await connection.execute(
        update(delivery)
        .where(delivery.endpoint_id == endpoint_id, delivery.due_at.is_not(None))
        .values(state="dead", due_at=None, leased_until=None, leased_by=None, finished_at=now)
    )


async def take_slot(
    connection: AsyncConnection, endpoint_id: str, max_per_minute: int, now: datetime
) -> datetime | None:
    """Take one of the endpoint's sendings of this minute; else when the next one is free.

    A leaking bucket in one conditional update: half of the allowance may go at once, the rest
    trickles, so that no span of a minute exceeds the whole.
    """
    burst = (max_per_minute + 1) // 2
    interval = timedelta(seconds=60 / (max_per_minute - burst + 1))
    slack = interval * (burst - 1)
    endpoint = tables.Endpoint
    taken = await connection.execute(
        update(endpoint)
        .where(
            endpoint.endpoint_id == endpoint_id,
            or_(endpoint.next_slot_at.is_(None), endpoint.next_slot_at <= now + slack),
        )
        .values(
            next_slot_at=case(
                (endpoint.next_slot_at > now, endpoint.next_slot_at), else_=literal(now)
            )
            + interval
        )
    )
    if taken.rowcount:
        return None
    full_at = await connection.scalar(
        select(endpoint.next_slot_at).where(endpoint.endpoint_id == endpoint_id)
    )
    return now if full_at is None else max(now, full_at - slack)


async def postpone(
    connection: AsyncConnection, waiting: Sequence[tuple[str, str]], until: datetime
) -> None:
    """Make unclaimed deliveries due later."""
    delivery = tables.Delivery
    for run_id, delivery_id in waiting:
        await connection.execute(
            update(delivery)
            .where(
                delivery.run_id == run_id,
                delivery.delivery_id == delivery_id,
                delivery.due_at < until,
                delivery.leased_by.is_(None),
            )
            .values(due_at=until)
        )


async def fold(
    connection: AsyncConnection, run_id: str, delivery_id: str, digest_id: str, now: datetime
) -> Message | None:
    """Take an unsent delivery out of the queue for a digest; None when it has been claimed."""
    delivery = tables.Delivery
    payload = await connection.scalar(
        update(delivery)
        .where(
            delivery.run_id == run_id,
            delivery.delivery_id == delivery_id,
            delivery.due_at <= now,
            delivery.leased_by.is_(None),
        )
        .values(state="digested", due_at=None, finished_at=now, digest_id=digest_id)
        .returning(delivery.payload)
    )
    return None if payload is None else Message.from_json(payload)


async def waiting_digest(
    connection: AsyncConnection, endpoint_id: str
) -> tuple[str, Message] | None:
    """The digest that nobody has tried to send to the endpoint yet, locked."""
    delivery = tables.Delivery
    row = (
        await connection.execute(
            select(delivery.delivery_id, delivery.payload)
            .where(
                delivery.run_id == NO_RUN,
                delivery.endpoint_id == endpoint_id,
                delivery.reason == "digest",
                delivery.state == "pending",
                delivery.attempts == 0,
                delivery.leased_by.is_(None),
            )
            .limit(1)
            .with_for_update(skip_locked=True)
        )
    ).one_or_none()
    return None if row is None else (row.delivery_id, Message.from_json(row.payload))


def _unleased(now: datetime) -> Any:
    delivery = tables.Delivery
    return or_(delivery.leased_until.is_(None), delivery.leased_until <= now)
