"""The SQL of the queue, on the driver's own connections: it runs for every message.

What is due is listed without a lock; claims name their run, so that they also work where runs
are spread over several servers.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from psycopg import AsyncConnection
from psycopg.rows import class_row

from gadwatch_service.alerts.events import Message

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


_WORK: Final = """
SELECT due.endpoint_id
FROM (SELECT DISTINCT endpoint_id FROM deliveries
      WHERE due_at <= %(now)s AND (leased_until IS NULL OR leased_until <= %(now)s)) due
LEFT JOIN endpoints e ON e.endpoint_id = due.endpoint_id
WHERE e.paused_until IS NULL OR e.paused_until <= %(now)s
"""


async def endpoints_with_work(connection: AsyncConnection, now: datetime) -> list[str]:
    """The endpoints that something is due for, unless they rest."""
    cursor = await connection.execute(_WORK, {"now": now})
    return [row[0] for row in await cursor.fetchall()]


_ENDPOINT: Final = """
SELECT endpoint_id, kind, name, address, secrets, policy, disabled_reason,
       consecutive_failures, paused_until
FROM endpoints WHERE endpoint_id = %s
"""


async def get_endpoint(connection: AsyncConnection, endpoint_id: str) -> StoredEndpoint | None:
    """One endpoint; None when it was deleted."""
    async with connection.cursor(row_factory=class_row(StoredEndpoint)) as cursor:
        await cursor.execute(_ENDPOINT, [endpoint_id])
        return await cursor.fetchone()


_DUE: Final = """
SELECT d.run_id, d.delivery_id
FROM deliveries d
WHERE d.endpoint_id = %(endpoint_id)s
  AND d.due_at <= %(now)s
  AND (d.leased_until IS NULL OR d.leased_until <= %(now)s)
  AND NOT EXISTS (
    SELECT FROM deliveries older
    WHERE older.run_id = d.run_id
      AND older.endpoint_id = d.endpoint_id
      AND older.due_at <= %(now)s
      AND (older.created_at, older.delivery_id) < (d.created_at, d.delivery_id))
ORDER BY d.due_at
LIMIT %(limit)s
"""


async def list_due(
    connection: AsyncConnection, endpoint_id: str, now: datetime, limit: int
) -> list[tuple[str, str]]:
    """Deliveries that may be sent now, as (run, delivery), the longest due first.

    Of one run's messages to an endpoint only the oldest due one: an end must not overtake its
    beginning. One that waits for its next attempt does not hold up the others.
    """
    values = {"endpoint_id": endpoint_id, "now": now, "limit": limit}
    cursor = await connection.execute(_DUE, values)
    return [(row[0], row[1]) for row in await cursor.fetchall()]


_CLAIM: Final = """
WITH picked AS (
  SELECT delivery_id FROM deliveries
  WHERE run_id = %(run_id)s AND delivery_id = %(delivery_id)s
    AND due_at <= %(now)s AND (leased_until IS NULL OR leased_until <= %(now)s)
  FOR UPDATE SKIP LOCKED)
UPDATE deliveries d SET leased_until = %(until)s, leased_by = %(worker)s
FROM picked
WHERE d.run_id = %(run_id)s AND d.delivery_id = picked.delivery_id
RETURNING d.run_id, d.delivery_id, d.payload, d.attempts
"""


async def claim(
    connection: AsyncConnection,
    due: Sequence[tuple[str, str]],
    *,
    worker: str,
    now: datetime,
    until: datetime,
) -> list[Claim]:
    """Lease due deliveries, without those that another worker was faster with."""
    if not due:
        return []
    values = [
        {
            "run_id": run_id,
            "delivery_id": delivery_id,
            "now": now,
            "until": until,
            "worker": worker,
        }
        for run_id, delivery_id in due
    ]
    async with _quick(connection), connection.cursor() as cursor:
        await cursor.executemany(_CLAIM, values, returning=True)
        return [
            Claim(row[0], row[1], Message.from_json(row[2]), row[3])
            async for result in cursor.results()
            for row in await result.fetchall()
        ]


_RECORD: Final = """
WITH recorded AS (
  UPDATE deliveries SET
    state = %(state)s, due_at = %(due_at)s, attempts = attempts + 1,
    leased_until = NULL, leased_by = NULL, finished_at = %(finished_at)s
  WHERE run_id = %(run_id)s AND delivery_id = %(delivery_id)s AND state = 'pending'
    AND (%(ok)s OR leased_by = %(worker)s))
INSERT INTO delivery_attempts
  (run_id, delivery_id, number, at, ok, status, duration_ms, detail)
SELECT %(run_id)s, %(delivery_id)s, greatest(%(number)s::bigint, coalesce(max(number), 0) + 1),
  %(now)s, %(ok)s, %(status)s, %(duration_ms)s, %(detail)s
FROM delivery_attempts WHERE run_id = %(run_id)s AND delivery_id = %(delivery_id)s
ON CONFLICT DO NOTHING
"""


async def record(
    connection: AsyncConnection,
    attempts: Sequence[tuple[Claim, Verdict]],
    worker: str,
    now: datetime,
) -> None:
    """Store attempts and what follows from them, in one transaction.

    A success counts even when the lease has been lost meanwhile; a failure then does not.
    """
    values = [
        {
            "run_id": claimed.run_id,
            "delivery_id": claimed.delivery_id,
            "state": verdict.state,
            "due_at": verdict.due_at,
            "finished_at": None if verdict.state == "pending" else now,
            "ok": verdict.state == "delivered",
            "worker": worker,
            "number": verdict.number,
            "now": now,
            "status": verdict.status,
            "duration_ms": verdict.duration_ms,
            "detail": verdict.detail,
        }
        for claimed, verdict in attempts
    ]
    async with _quick(connection), connection.cursor() as cursor:
        await cursor.executemany(_RECORD, values)


@asynccontextmanager
async def _quick(connection: AsyncConnection) -> AsyncIterator[None]:
    """A transaction, sent in one go, whose commit does not wait for the disk.

    If a power cut takes it back, a message is sent again under its id: no more than happens
    when the cut comes a moment earlier. What is to be told is never written this way.
    """
    async with connection.pipeline(), connection.transaction():
        await connection.execute("SET LOCAL synchronous_commit = off")
        yield


_LEASED: Final = """
SELECT DISTINCT run_id FROM deliveries
WHERE leased_by = %s AND due_at IS NOT NULL ORDER BY run_id
"""

_RELEASE: Final = """
UPDATE deliveries SET leased_until = %(now)s
WHERE run_id = %(run_id)s AND leased_by = %(worker)s AND due_at IS NOT NULL
"""


async def release(connection: AsyncConnection, worker: str, now: datetime) -> None:
    """Give the leases of a stopping worker back; what it was sending may have arrived."""
    leased = await (await connection.execute(_LEASED, [worker])).fetchall()
    values = [{"run_id": run_id, "worker": worker, "now": now} for (run_id,) in leased]
    async with connection.cursor() as cursor:
        await cursor.executemany(_RELEASE, values)
