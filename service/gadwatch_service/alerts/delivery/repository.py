"""The SQL of what sending says about endpoints: their health, their rate, their digests."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import case, delete, func, literal, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from gadwatch_service.alerts.events import Message
from gadwatch_service.alerts.queue.repository import NO_RUN
from gadwatch_service.store import tables
from gadwatch_service.store.runs import EACH_RUN, run_by_run


async def note_success(connection: AsyncConnection, endpoint_id: str, now: datetime) -> None:
    """Close the breaker; what had been put off while the endpoint failed is due at once."""
    endpoint, delivery = tables.Endpoint, tables.Delivery
    closed = await connection.execute(
        update(endpoint)
        .where(endpoint.endpoint_id == endpoint_id, endpoint.consecutive_failures > 0)
        .values(consecutive_failures=0, paused_until=None)
    )
    if closed.rowcount:
        put_off = [
            delivery.endpoint_id == endpoint_id,
            delivery.due_at > now,
            delivery.attempts > 0,
        ]
        await run_by_run(
            connection,
            select(delivery.run_id).where(*put_off),
            update(delivery).where(delivery.run_id == EACH_RUN, *put_off).values(due_at=now),
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
    notice, delivery = tables.Notice, tables.Delivery
    known = notice.endpoint_id == endpoint_id
    await run_by_run(
        connection,
        select(notice.run_id).where(known),
        delete(notice).where(notice.run_id == EACH_RUN, known),
    )
    waiting = [delivery.endpoint_id == endpoint_id, delivery.due_at.is_not(None)]
    await run_by_run(
        connection,
        select(delivery.run_id).where(*waiting),
        update(delivery)
        .where(delivery.run_id == EACH_RUN, *waiting)
        .values(state="dead", due_at=None, leased_until=None, leased_by=None, finished_at=now),
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


async def list_due_runs(
    connection: AsyncConnection, endpoint_id: str, now: datetime, limit: int
) -> list[tuple[str, str]]:
    """What is due for an endpoint about single runs and claimed by nobody, in order of runs."""
    delivery = tables.Delivery
    rows = await connection.execute(
        select(delivery.run_id, delivery.delivery_id)
        .where(
            delivery.endpoint_id == endpoint_id,
            delivery.due_at <= now,
            delivery.leased_by.is_(None),
            delivery.run_id != NO_RUN,
        )
        .order_by(delivery.run_id, delivery.created_at)
        .limit(limit)
    )
    return [(row.run_id, row.delivery_id) for row in rows]


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


async def list_ended(
    connection: AsyncConnection, before: datetime, limit: int
) -> list[tuple[str, str]]:
    """The oldest deliveries made before a moment that are not to be sent any more."""
    delivery = tables.Delivery
    rows = await connection.execute(
        select(delivery.run_id, delivery.delivery_id)
        .where(delivery.created_at < before, delivery.due_at.is_(None))
        .order_by(delivery.created_at)
        .limit(limit)
    )
    return [(row.run_id, row.delivery_id) for row in rows]


async def drop_ended(connection: AsyncConnection, run_id: str, delivery_ids: Sequence[str]) -> None:
    """Delete deliveries of a run with their attempts, unless they are to be sent again."""
    delivery, attempt = tables.Delivery, tables.DeliveryAttempt
    dropped = await connection.execute(
        delete(delivery)
        .where(
            delivery.run_id == run_id,
            delivery.delivery_id.in_(delivery_ids),
            delivery.due_at.is_(None),
        )
        .returning(delivery.delivery_id)
    )
    await connection.execute(
        delete(attempt).where(
            attempt.run_id == run_id, attempt.delivery_id.in_(dropped.scalars().all())
        )
    )
