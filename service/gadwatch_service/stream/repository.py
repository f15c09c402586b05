from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from psycopg import AsyncConnection
from sqlalchemy import func, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from gadwatch_service.store.tables import Finding, RunState, VerdictRecord

_MOST = 500
_NEWS: Final = """
SELECT EXISTS (SELECT FROM findings WHERE run_id = %(run)s AND changed_at > %(moment)s)
    OR EXISTS (
        SELECT FROM verdicts
        WHERE run_id = %(run)s AND (attempt, number) > (%(attempt)s, %(number)s)
    )
"""


async def versions(session: AsyncSession, run_ids: Sequence[str]) -> dict[str, int]:
    """The version of each run that still exists."""
    statement = select(RunState.run_id, RunState.version).where(RunState.run_id.in_(run_ids))
    return {row[0]: row[1] for row in await session.execute(statement)}


async def has_news(
    driver: AsyncConnection, run_id: str, moment: datetime, attempt: int, number: int
) -> bool:
    """Whether findings changed after ``moment`` or verdicts came behind the given one."""
    cursor = await driver.execute(
        _NEWS, {"run": run_id, "moment": moment, "attempt": attempt, "number": number}
    )
    return await cursor.fetchone() == (True,)


async def findings_since(session: AsyncSession, run_id: str, moment: datetime) -> Sequence[Finding]:
    """Findings that changed after ``moment``, in the order in which they did."""
    statement = (
        select(Finding)
        .where(Finding.run_id == run_id, Finding.changed_at > moment)
        .order_by(Finding.changed_at)
        .limit(_MOST)
    )
    return (await session.execute(statement)).scalars().all()


async def verdicts_since(
    session: AsyncSession, run_id: str, attempt: int, number: int
) -> Sequence[VerdictRecord]:
    """Verdict records behind the given one, in order."""
    statement = (
        select(VerdictRecord)
        .where(
            VerdictRecord.run_id == run_id,
            tuple_(VerdictRecord.attempt, VerdictRecord.number) > tuple_(attempt, number),
        )
        .order_by(VerdictRecord.attempt, VerdictRecord.number)
        .limit(_MOST)
    )
    return (await session.execute(statement)).scalars().all()


async def newest_change(session: AsyncSession, run_id: str) -> datetime:
    """When a finding of the run last changed; long ago when there is none."""
    statement = select(func.max(Finding.changed_at)).where(Finding.run_id == run_id)
    return (await session.execute(statement)).scalar_one() or datetime.fromtimestamp(0, UTC)


async def newest_verdict(session: AsyncSession, run_id: str) -> tuple[int, int]:
    """Attempt and number of the run's newest verdict record; zeros when there is none."""
    statement = (
        select(VerdictRecord.attempt, VerdictRecord.number)
        .where(VerdictRecord.run_id == run_id)
        .order_by(VerdictRecord.attempt.desc(), VerdictRecord.number.desc())
        .limit(1)
    )
    row = (await session.execute(statement)).one_or_none()
    return (0, 0) if row is None else (row[0], row[1])
