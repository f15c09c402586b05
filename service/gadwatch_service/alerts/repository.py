"""The SQL behind the pages and REST of alerts."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, and_, delete, or_, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncSession

from gadwatch_service.store.runs import EACH_RUN, run_by_run
from gadwatch_service.store.tables import (
    Delivery,
    DeliveryAttempt,
    Endpoint,
    Finding,
    Notice,
    Run,
    Silence,
)


async def list_endpoints(session: AsyncSession, after: str, limit: int) -> Sequence[Endpoint]:
    """Endpoints by name, from the one behind ``after``."""
    query = select(Endpoint).where(Endpoint.name > after).order_by(Endpoint.name).limit(limit)
    return (await session.execute(query)).scalars().all()


async def get_endpoint(session: AsyncSession, endpoint_id: str) -> Endpoint | None:
    """One endpoint, locked against other changes."""
    return await session.get(Endpoint, endpoint_id, with_for_update=True)


async def is_name_taken(session: AsyncSession, name: str) -> bool:
    """Whether an endpoint is called so."""
    found = await session.scalar(select(Endpoint.endpoint_id).where(Endpoint.name == name))
    return found is not None


async def delete_endpoint(session: AsyncSession, endpoint_id: str) -> None:
    """Remove an endpoint; its deliveries stay in the log."""
    await session.execute(delete(Endpoint).where(Endpoint.endpoint_id == endpoint_id))


async def list_silences(session: AsyncSession, now: datetime | None, limit: int) -> list[Silence]:
    """Silences, the longest lasting first; with ``now`` only those that have not ended."""
    query = select(Silence).order_by(Silence.ends_at.desc(), Silence.silence_id).limit(limit)
    if now is not None:
        query = query.where(Silence.ends_at > now)
    return list((await session.execute(query)).scalars())


async def get_silence(session: AsyncSession, silence_id: str) -> Silence | None:
    """One silence."""
    return await session.get(Silence, silence_id, with_for_update=True)


async def project_of(session: AsyncSession, run_id: str) -> str | None:
    """The project of a run; None when there is no such run."""
    return await session.scalar(select(Run.project).where(Run.run_id == run_id))


async def review_kept_back(session: AsyncSession, now: datetime) -> None:
    """Look again at what silences kept back: one of them has ended early."""
    kept_back = [Notice.told.is_(None), Notice.review_at > now]
    await run_by_run(
        await session.connection(),
        select(Notice.run_id).where(*kept_back),
        update(Notice).where(Notice.run_id == EACH_RUN, *kept_back).values(review_at=now),
    )


async def list_deliveries(
    session: AsyncSession,
    *,
    endpoint_id: str | None,
    run_id: str | None,
    state: str | None,
    projects: Collection[str] | None,
    before: tuple[datetime, str] | None,
    limit: int,
) -> Sequence[Row[Any]]:
    """The delivery log with the endpoints' names, the newest first."""
    query = _deliveries(projects)
    if endpoint_id is not None:
        query = query.where(Delivery.endpoint_id == endpoint_id)
    if run_id is not None:
        query = query.where(Delivery.run_id == run_id)
    if state is not None:
        query = query.where(Delivery.state == state)
    if before is not None:
        query = query.where(tuple_(Delivery.created_at, Delivery.delivery_id) < tuple_(*before))
    order = (Delivery.created_at.desc(), Delivery.delivery_id.desc())
    return (await session.execute(query.order_by(*order).limit(limit))).all()


async def get_delivery(
    session: AsyncSession, delivery_id: str, projects: Collection[str] | None
) -> Row[Any] | None:
    """One delivery with its endpoint's name."""
    query = _deliveries(projects).where(Delivery.delivery_id == delivery_id)
    return (await session.execute(query)).one_or_none()


def _deliveries(projects: Collection[str] | None) -> Any:
    query = select(Delivery, Endpoint.name.label("endpoint")).outerjoin(
        Endpoint, Endpoint.endpoint_id == Delivery.endpoint_id
    )
    if projects is None:
        return query
    return query.join(Run, and_(Run.run_id == Delivery.run_id, Run.project.in_(projects)))


async def list_attempts(
    session: AsyncSession, run_id: str, delivery_id: str
) -> Sequence[DeliveryAttempt]:
    """Every sending of a delivery, in order."""
    query = (
        select(DeliveryAttempt)
        .where(DeliveryAttempt.run_id == run_id, DeliveryAttempt.delivery_id == delivery_id)
        .order_by(DeliveryAttempt.number)
    )
    return (await session.execute(query)).scalars().all()


async def send_again(session: AsyncSession, run_id: str, delivery_id: str, now: datetime) -> bool:
    """Make an ended delivery due again under its id; False when it is still on its way.

    It counts as tried once, so that its content stays as it was.
    """
    result = await session.execute(
        update(Delivery)
        .where(
            Delivery.run_id == run_id,
            Delivery.delivery_id == delivery_id,
            Delivery.state != "pending",
        )
        .values(state="pending", due_at=now, attempts=1, finished_at=None)
        .returning(Delivery.delivery_id)
    )
    return result.first() is not None


async def acknowledge(
    session: AsyncSession,
    run_id: str,
    rule: str | None,
    metric: str | None,
    who: str,
    now: datetime,
) -> int:
    """Mark firing findings of a run, and stop the repeats of what was told of them."""
    marked = {"acknowledged_by": who, "acknowledged_at": now}
    subjects = await _mark(session, _firing(run_id, rule, metric), marked)
    await session.execute(
        update(Notice)
        .where(
            Notice.run_id == run_id,
            Notice.subject.in_(subjects),
            or_(Notice.told.is_not(None), Notice.review_at.is_(None)),
        )
        .values(acknowledged=True, review_at=None)
    )
    return len(subjects)


async def take_back(
    session: AsyncSession, run_id: str, rule: str | None, metric: str | None, now: datetime
) -> int:
    """Undo :func:`acknowledge`: whether a repeat is due is decided anew."""
    wanted = [*_firing(run_id, rule, metric), Finding.acknowledged_by.is_not(None)]
    subjects = await _mark(session, wanted, {"acknowledged_by": None, "acknowledged_at": None})
    await session.execute(
        update(Notice)
        .where(Notice.run_id == run_id, Notice.subject.in_(subjects), Notice.acknowledged)
        .values(acknowledged=False, review_at=now)
    )
    return len(subjects)


def _firing(run_id: str, rule: str | None, metric: str | None) -> list[ColumnElement[bool]]:
    wanted = [Finding.run_id == run_id, Finding.state == "firing"]
    if rule is not None:
        wanted.append(Finding.rule == rule)
    if metric is not None:
        wanted.append(Finding.metric == metric)
    return wanted


async def _mark(
    session: AsyncSession, wanted: Sequence[ColumnElement[bool]], values: dict[str, Any]
) -> list[str]:
    """Change findings; what endpoints know them by."""
    rows = await session.execute(
        update(Finding).where(*wanted).values(values).returning(Finding.rule, Finding.metric)
    )
    return [f"{row.rule} {row.metric}" for row in rows]
