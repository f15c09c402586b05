"""The SQL of the outbox's writing side. Every statement but the shared tables' names its run."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import msgspec
from sqlalchemy import and_, delete, func, or_, select, update
from sqlalchemy.dialects.postgresql import distinct_on, insert
from sqlalchemy.ext.asyncio import AsyncConnection

from gadwatch_service.alerts.events import Event, Message, RunFacts, Severity
from gadwatch_service.alerts.pipeline import Notice, Route, Silence
from gadwatch_service.alerts.routing import Filters, Policy
from gadwatch_service.store import tables

CHANNEL: Final = "gadwatch_deliveries"
"""Workers listen here; a notice carries nothing, it only wakes."""


async def list_targets(
    connection: AsyncConnection, endpoint_ids: Sequence[str] | None = None
) -> list[Route]:
    """The enabled endpoints, all or some."""
    endpoint = tables.Endpoint
    query = select(endpoint.endpoint_id, endpoint.filters, endpoint.policy).where(
        endpoint.disabled_reason.is_(None)
    )
    if endpoint_ids is not None:
        query = query.where(endpoint.endpoint_id.in_(endpoint_ids))
    rows = await connection.execute(query.order_by(endpoint.endpoint_id))
    return [
        Route(
            row.endpoint_id, Filters.model_validate(row.filters), Policy.model_validate(row.policy)
        )
        for row in rows
    ]


async def list_silences(
    connection: AsyncConnection, run_id: str, project: str, now: datetime
) -> list[Silence]:
    """The silences that lie over a run or some of its rules now."""
    silence = tables.Silence
    rows = await connection.execute(
        select(silence.ends_at, silence.project, silence.run_id, silence.rule).where(
            silence.ends_at > now,
            or_(silence.project.is_(None), silence.project == project),
            or_(silence.run_id.is_(None), silence.run_id == run_id),
        )
    )
    return [Silence(row.ends_at, row.project, row.run_id, row.rule) for row in rows]


async def list_open_rules(connection: AsyncConnection, run_id: str, attempt: int) -> frozenset[str]:
    """The rules with a firing finding in the run's attempt."""
    finding = tables.Finding
    rows = await connection.execute(
        select(finding.rule)
        .distinct()
        .where(finding.run_id == run_id, finding.attempt == attempt, finding.state == "firing")
    )
    return frozenset(rows.scalars())


async def list_firing_subjects(connection: AsyncConnection, run_id: str) -> frozenset[str]:
    """The subjects of the findings that fire in the run's newest attempt."""
    finding, state = tables.Finding, tables.RunState
    rows = await connection.execute(
        select(finding.rule, finding.metric)
        .join(state, and_(state.run_id == finding.run_id, state.attempt == finding.attempt))
        .where(finding.run_id == run_id, finding.state == "firing", state.run_id == run_id)
    )
    return frozenset(f"{row.rule} {row.metric}" for row in rows)


async def get_run(connection: AsyncConnection, run_id: str) -> RunFacts | None:
    """What messages say of a run; None once it was deleted."""
    run, state = tables.Run, tables.RunState
    row = (
        await connection.execute(
            select(run.name, run.project, state.stage, state.status, state.last_step, state.attempt)
            .join(state, state.run_id == run.run_id)
            .where(run.run_id == run_id, state.run_id == run_id)
        )
    ).one_or_none()
    if row is None:
        return None
    return RunFacts(
        run_id=run_id,
        name=row.name,
        project=row.project,
        stage=row.stage,
        status=row.status,
        step=row.last_step or 0,
        attempt=row.attempt,
    )


async def last_seen(connection: AsyncConnection, run_id: str) -> datetime | None:
    """When something last came from a run."""
    state = tables.RunState
    return await connection.scalar(select(state.last_seen_at).where(state.run_id == run_id))


async def lock_notices(
    connection: AsyncConnection, run_id: str, subjects: Collection[str]
) -> dict[str, dict[str, Notice]]:
    """What each endpoint knows of some subjects of a run: by endpoint, then by subject."""
    notice = tables.Notice
    rows = await connection.execute(
        select(notice.endpoint_id, *_NOTICE)
        .where(notice.run_id == run_id, notice.subject.in_(subjects))
        .with_for_update()
    )
    found: dict[str, dict[str, Notice]] = {}
    for row in rows:
        found.setdefault(row.endpoint_id, {})[row.subject] = _notice(row)
    return found


_NOTICE: Final = (
    tables.Notice.subject,
    tables.Notice.event,
    tables.Notice.told,
    tables.Notice.told_at,
    tables.Notice.acknowledged,
    tables.Notice.attempt,
)


def _notice(row: Any) -> Notice:
    told = None if row.told is None else msgspec.convert(row.told, Severity)
    event = msgspec.convert(row.event, Event)
    return Notice(event, told, row.told_at, row.acknowledged, row.attempt)


async def list_due_reviews(
    connection: AsyncConnection, now: datetime, limit: int
) -> list[tuple[str, str]]:
    """Runs and endpoints with a notice to look at again; nothing is locked."""
    notice = tables.Notice
    rows = await connection.execute(
        select(notice.run_id, notice.endpoint_id)
        .where(notice.review_at <= now)
        .order_by(notice.review_at)
        .limit(limit)
    )
    return list(dict.fromkeys((row.run_id, row.endpoint_id) for row in rows))


async def lock_run(connection: AsyncConnection, run_id: str) -> bool:
    """Take the run's row lock, which serialises its writers; False when another holds it."""
    state = tables.RunState
    row = await connection.execute(
        select(state.run_id).where(state.run_id == run_id).with_for_update(skip_locked=True)
    )
    return row.first() is not None


async def due_events(
    connection: AsyncConnection, run_id: str, endpoint_id: str, now: datetime
) -> list[Event]:
    """The newest events of the subjects to look at again, of one run at one endpoint."""
    notice = tables.Notice
    rows = await connection.execute(
        select(notice.event).where(
            notice.run_id == run_id,
            notice.endpoint_id == endpoint_id,
            notice.review_at <= now,
        )
    )
    return [msgspec.convert(event, Event) for event in rows.scalars()]


async def put_notices(
    connection: AsyncConnection,
    run_id: str,
    endpoint_id: str,
    attempt: int,
    notices: Sequence[tuple[Notice, datetime | None]],
) -> None:
    """Store what an endpoint knows, with the moment to look at each again."""
    rows = [
        {
            "run_id": run_id,
            "endpoint_id": endpoint_id,
            "subject": notice.event.subject,
            "attempt": attempt,
            "event": msgspec.to_builtins(notice.event),
            "told": notice.told,
            "told_at": notice.told_at,
            "review_at": review_at,
            "acknowledged": notice.acknowledged,
        }
        for notice, review_at in notices
    ]
    statement = insert(tables.Notice).values(rows)
    await connection.execute(
        statement.on_conflict_do_update(
            index_elements=["run_id", "endpoint_id", "subject"],
            set_={
                name: statement.excluded[name]
                for name in ("attempt", "event", "told", "told_at", "review_at", "acknowledged")
            },
        )
    )


async def drop_notices(
    connection: AsyncConnection, run_id: str, endpoint_id: str, subjects: Sequence[str]
) -> None:
    """Forget subjects that are over."""
    notice = tables.Notice
    await connection.execute(
        delete(notice).where(
            notice.run_id == run_id,
            notice.endpoint_id == endpoint_id,
            notice.subject.in_(subjects),
        )
    )


async def drop_notices_of_run(connection: AsyncConnection, run_id: str) -> None:
    """Forget everything about a run."""
    await connection.execute(delete(tables.Notice).where(tables.Notice.run_id == run_id))


@dataclass(frozen=True, slots=True)
class NewestDelivery:
    """The newest message about a run to one endpoint."""

    delivery_id: str
    message: Message
    created_at: datetime
    due_at: datetime | None
    waiting: bool
    """Nobody has tried to send it: its content may still change."""


async def newest_deliveries(connection: AsyncConnection, run_id: str) -> dict[str, NewestDelivery]:
    """The newest message about a run, by endpoint."""
    delivery = tables.Delivery
    rows = await connection.execute(
        select(
            delivery.endpoint_id,
            delivery.delivery_id,
            delivery.payload,
            delivery.created_at,
            delivery.due_at,
            _WAITING.label("waiting"),
        )
        .ext(distinct_on(delivery.endpoint_id))
        .where(delivery.run_id == run_id)
        .order_by(delivery.endpoint_id, delivery.created_at.desc())
    )
    return {
        row.endpoint_id: NewestDelivery(
            row.delivery_id,
            Message.from_json(row.payload),
            row.created_at,
            row.due_at,
            row.waiting,
        )
        for row in rows
    }


_WAITING: Final = and_(
    tables.Delivery.state == "pending",
    tables.Delivery.attempts == 0,
    tables.Delivery.leased_by.is_(None),
)


async def extend_waiting(
    connection: AsyncConnection, run_id: str, delivery_id: str, message: Message, due: datetime
) -> bool:
    """Replace a waiting message; False when a worker has claimed it meanwhile."""
    return await _change_waiting(
        connection,
        run_id,
        delivery_id,
        {"payload": message.as_json(), "reason": message.reason, "due_at": due},
    )


async def cancel_waiting(
    connection: AsyncConnection, run_id: str, delivery_id: str, now: datetime
) -> bool:
    """Withdraw a waiting message whose story has undone itself; False as above."""
    return await _change_waiting(
        connection,
        run_id,
        delivery_id,
        {"state": "cancelled", "due_at": None, "finished_at": now},
    )


async def _change_waiting(
    connection: AsyncConnection, run_id: str, delivery_id: str, values: dict[str, Any]
) -> bool:
    delivery = tables.Delivery
    result = await connection.execute(
        update(delivery)
        .where(delivery.run_id == run_id, delivery.delivery_id == delivery_id, _WAITING)
        .values(values)
    )
    return result.rowcount == 1


async def add_delivery(
    connection: AsyncConnection,
    run_id: str,
    delivery_id: str,
    endpoint_id: str,
    message: Message,
    *,
    created_at: datetime,
    due_at: datetime,
) -> None:
    """Write one outbox row."""
    await connection.execute(
        insert(tables.Delivery).values(
            run_id=run_id,
            delivery_id=delivery_id,
            endpoint_id=endpoint_id,
            reason=message.reason,
            payload=message.as_json(),
            state="pending",
            created_at=created_at,
            due_at=due_at,
            attempts=0,
        )
    )


async def wake_workers(connection: AsyncConnection) -> None:
    """Tell listening workers, when this transaction commits, that there is work."""
    await connection.execute(select(func.pg_notify(CHANNEL, "")))
