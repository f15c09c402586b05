"""The SQL of runs as they are asked for; what writes while steps come is in ``judging``."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, Final

from psycopg import AsyncConnection
from psycopg.rows import kwargs_row
from sqlalchemy import Label, and_, delete, insert, or_, select, tuple_, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncSession

from gadwatch_service.runs.query import RunQuery, decode_cursor, encode_cursor
from gadwatch_service.runs.view import RunView
from gadwatch_service.store.database import driver_connection
from gadwatch_service.store.tables import (
    Attempt,
    Base,
    Finding,
    Project,
    Run,
    RunState,
    VerdictRecord,
)

_FIELDS: Final = {one.name for one in fields(RunView)}
_DETAILS: Final = (Run.metrics, Run.config, Run.overrides)
_HEAVY: Final = {one.key for one in _DETAILS}
_COLUMNS: Final = [
    *(one for one in Run.__table__.c if one.name in _FIELDS - _HEAVY),
    *(one for one in RunState.__table__.c if one.name in _FIELDS - {"run_id"}),
]
_RUN: Final = f"""
SELECT {", ".join([*map(str, _COLUMNS), *(f"runs.{name}" for name in sorted(_HEAVY))])}
FROM runs JOIN run_states ON run_states.run_id = runs.run_id WHERE runs.run_id = %s
"""  # noqa: S608 - column names of our own


@dataclass(frozen=True)
class Page:
    """The runs of a list, and the cursor of the next page."""

    runs: Sequence[RunView]
    next_cursor: str | None


async def add_run(session: AsyncSession, run: dict[str, Any], stage: str | None) -> bool:
    """Create a run with its state and first attempt; False when the id is taken."""
    created = await session.execute(
        upsert(Run).values(**run).on_conflict_do_nothing().returning(Run.run_id)
    )
    if created.scalar_one_or_none() is None:
        return False
    now: datetime = run["created_at"]
    await session.execute(
        upsert(Project)
        .values(name=run["project"], overrides={}, retention={})
        .on_conflict_do_nothing()
    )
    await session.execute(
        insert(RunState).values(
            run_id=run["run_id"],
            version=0,
            status="running",
            stage=stage or "",
            attempt=1,
            pack="",
            replay_wanted=False,
            replays_asked=0,
            seal_wanted=False,
            tail_rows=0,
            steps=0,
            last_seen_at=now,
            health="unknown",
            verdict="insufficient_data",
            open_findings={},
            latest={},
            sparkline=[],
            losses={},
            session_losses=[],
        )
    )
    await session.execute(
        insert(Attempt).values(
            run_id=run["run_id"],
            attempt=1,
            sessions=[],
            started_at=now,
            stages=[{"stage": stage, "step": None, "at": now.isoformat()}],
        )
    )
    return True


async def find_run(session: AsyncSession, run_id: str) -> RunView | None:
    """A run with its state and details."""
    return await read_run(await driver_connection(await session.connection()), run_id)


async def read_run(driver: AsyncConnection, run_id: str) -> RunView | None:
    """The same on the driver's own connection: nothing is asked more often."""
    async with driver.cursor(row_factory=kwargs_row(RunView)) as cursor:
        await cursor.execute(_RUN, [run_id])
        return await cursor.fetchone()


async def find_attempts(session: AsyncSession, run_id: str) -> Sequence[Attempt]:
    """The run's attempts in order."""
    statement = select(Attempt).where(Attempt.run_id == run_id).order_by(Attempt.attempt)
    return (await session.execute(statement)).scalars().all()


async def list_runs(session: AsyncSession, query: RunQuery) -> Page:
    """A page of runs by one statement; keyset, so that a late page costs what the first does."""
    key: Label[Any] = query.sort_key().label("sort_key")
    statement = (
        select(*_COLUMNS, key)
        .join(RunState, RunState.run_id == Run.run_id)
        .where(*query.conditions())
    )
    place = tuple_(query.sort_key(), Run.run_id)
    if query.cursor:
        value, run_id = decode_cursor(query.cursor, (str, float, int), str)
        begin = tuple_(value, run_id)
        statement = statement.where(place < begin if query.descending else place > begin)
    order = (key, Run.run_id)
    statement = statement.order_by(*(one.desc() for one in order) if query.descending else order)
    rows = (await session.execute(statement.limit(query.limit + 1))).mappings()
    found = [dict(row) for row in rows]
    keys = [row.pop("sort_key") for row in found]
    shown = [RunView(**row) for row in found[: query.limit]]
    more = len(found) > query.limit
    return Page(shown, encode_cursor(keys[query.limit - 1], shown[-1].run_id) if more else None)


async def update_run(session: AsyncSession, run_id: str, values: dict[str, Any]) -> None:
    """Change columns of a run."""
    await session.execute(update(Run).where(Run.run_id == run_id).values(**values))


async def delete_run(session: AsyncSession, run_id: str) -> None:
    """Remove the run from every table that knows runs."""
    await session.execute(
        select(RunState.run_id).where(RunState.run_id == run_id).with_for_update()
    )
    for table in Base.metadata.sorted_tables:
        if "run_id" in table.primary_key.columns:
            await session.execute(delete(table).where(table.c.run_id == run_id))


async def list_findings(
    session: AsyncSession,
    run_id: str,
    *,
    state: str | None,
    severity: str | None,
    cursor: str | None,
    limit: int,
) -> tuple[Sequence[Finding], str | None]:
    """A run's findings of all attempts, the newest episode first."""
    place = (Finding.attempt, Finding.first_step, Finding.rule, Finding.metric)
    statement = select(Finding).where(Finding.run_id == run_id)
    if state:
        statement = statement.where(Finding.state == state)
    if severity:
        statement = statement.where(Finding.severity == severity)
    if cursor:
        begin = decode_cursor(cursor, int, int, str, str)
        statement = statement.where(tuple_(*place) < tuple_(*begin))
    statement = statement.order_by(*(one.desc() for one in place)).limit(limit + 1)
    rows = (await session.execute(statement)).scalars().all()
    shown = rows[:limit]
    if len(rows) <= limit:
        return shown, None
    last = shown[-1]
    return shown, encode_cursor(last.attempt, last.first_step, last.rule, last.metric)


async def list_verdicts(
    session: AsyncSession, run_id: str, cursor: str | None, limit: int
) -> tuple[Sequence[VerdictRecord], str | None]:
    """A run's verdict records of all attempts, the newest first."""
    statement = select(VerdictRecord).where(VerdictRecord.run_id == run_id)
    if cursor:
        attempt, number = decode_cursor(cursor, int, int)
        statement = statement.where(
            or_(
                VerdictRecord.attempt < attempt,
                and_(VerdictRecord.attempt == attempt, VerdictRecord.number < number),
            )
        )
    statement = statement.order_by(VerdictRecord.attempt.desc(), VerdictRecord.number.desc()).limit(
        limit + 1
    )
    rows = (await session.execute(statement)).scalars().all()
    shown = rows[:limit]
    if len(rows) <= limit:
        return shown, None
    return shown, encode_cursor(shown[-1].attempt, shown[-1].number)


async def list_projects(session: AsyncSession) -> Sequence[Project]:
    """Every project, by name."""
    return (await session.execute(select(Project).order_by(Project.name))).scalars().all()


async def find_project(session: AsyncSession, name: str) -> Project | None:
    """A project, locked for a change."""
    statement = select(Project).where(Project.name == name).with_for_update()
    return (await session.execute(statement)).scalar_one_or_none()


async def ask_replays(session: AsyncSession, project: str) -> None:
    """Have every run of a project that still runs judged anew."""
    of_project = select(Run.run_id).where(Run.project == project)
    await session.execute(
        update(RunState)
        .where(
            RunState.run_id.in_(of_project),
            RunState.status.in_(("running", "stalled")),
            RunState.last_step.is_not(None),
        )
        .values(
            version=RunState.version + 1,
            replay_wanted=True,
            replays_asked=RunState.replays_asked + 1,
        )
    )
