"""What the operator's endpoints and the doctor ask of the database."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import false, func, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from gadwatch_service.store.tables import Base, Delivery, Endpoint, Finding, Run, RunState


@dataclass(frozen=True, slots=True)
class Outbox:
    """Alerts on their way: how many wait, how many were given up.

    ``longest_due`` tells since when the workers could have sent one that they have not: those of
    an endpoint that rests after failures, up to a quarter of an hour, are not theirs to send.
    """

    waiting: int
    dead: int
    longest_due: datetime | None


async def schema_revision(session: AsyncSession) -> str | None:
    """The migration that the database has; None before the first."""
    known = (await session.execute(text("SELECT to_regclass('alembic_version')"))).scalar_one()
    if known is None:
        return None
    return (await session.execute(text("SELECT version_num FROM alembic_version"))).scalar()


async def server_version(session: AsyncSession) -> int:
    """The version of Postgres, as 180001 for 18.1."""
    row = (await session.execute(text("SELECT current_setting('server_version_num')"))).scalar_one()
    return int(row)


async def database_clock(session: AsyncSession) -> datetime:
    """What time the database has."""
    moment: datetime = (await session.execute(select(func.clock_timestamp()))).scalar_one()
    return moment


async def count_services(session: AsyncSession) -> int:
    """Connections of running services to this database, without this one."""
    statement = text(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
        " AND application_name = 'gadwatch' AND pid <> pg_backend_pid()"
    )
    return int((await session.execute(statement)).scalar_one())


async def count_all_runs(session: AsyncSession) -> int:
    """How many runs there are; 0 in an empty database too."""
    if (await session.execute(text("SELECT to_regclass('runs')"))).scalar_one() is None:
        return 0
    return (await session.execute(select(func.count()).select_from(Run))).scalar_one()


async def count_runs(session: AsyncSession) -> Sequence[tuple[str, str, int]]:
    """Runs by status and health."""
    statement = select(RunState.status, RunState.health, func.count()).group_by(
        RunState.status, RunState.health
    )
    return [(row[0], row[1], row[2]) for row in await session.execute(statement)]


async def count_firing(session: AsyncSession) -> dict[str, int]:
    """Firing findings by severity."""
    statement = (
        select(Finding.severity, func.count())
        .where(Finding.state != "resolved", Finding.state == "firing")
        .group_by(Finding.severity)
    )
    return {row[0]: row[1] for row in await session.execute(statement)}


async def outbox(session: AsyncSession, now: datetime) -> Outbox:
    """Where the alerts stand."""
    rests = func.coalesce(Endpoint.paused_until > now, false())
    waiting = (
        select(func.count(), func.min(Delivery.due_at).filter(~rests))
        .outerjoin(Endpoint, Endpoint.endpoint_id == Delivery.endpoint_id)
        .where(Delivery.due_at.is_not(None))
    )
    count, longest_due = (await session.execute(waiting)).one()
    dead = select(func.count()).where(Delivery.state == "dead")
    return Outbox(count, (await session.execute(dead)).scalar_one(), longest_due)


async def table_sizes(session: AsyncSession) -> dict[str, int]:
    """Bytes of each table with its indexes."""
    statement = text(
        "SELECT relname, pg_total_relation_size(relid) FROM pg_stat_user_tables"
        " WHERE schemaname = current_schema()"
    )
    ours = set(Base.metadata.tables)
    return {row[0]: row[1] for row in await session.execute(statement) if row[0] in ours}
