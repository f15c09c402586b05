"""The SQL of the search for silent runs."""

from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import func, literal, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from gadwatch_service.store.runs import EACH_RUN, run_by_run
from gadwatch_service.store.tables import Beat, RunState

_NAME: Final = "stalls"


async def list_due(connection: AsyncConnection, now: datetime, limit: int) -> list[str]:
    """Runs to look at, the longest due first; nothing is locked."""
    rows = await connection.execute(
        select(RunState.run_id)
        .where(RunState.stall_due_at <= now)
        .order_by(RunState.stall_due_at)
        .limit(limit)
    )
    return list(rows.scalars())


async def beat(connection: AsyncConnection, now: datetime) -> datetime | None:
    """Note that a process lives, and say when one was last alive; None at the very first time.

    The row is locked to the end of the transaction: of several processes that start at once,
    one sees the gap.
    """
    await connection.execute(insert(Beat).values(name=_NAME, at=now).on_conflict_do_nothing())
    last = await connection.scalar(select(Beat.at).where(Beat.name == _NAME).with_for_update())
    if last is not None and last < now:
        await connection.execute(update(Beat).where(Beat.name == _NAME).values(at=now))
    return last


async def extend(connection: AsyncConnection, gap: timedelta, earliest: datetime) -> None:
    """Put every due time off by the time that nobody listened, ``earliest`` at the soonest."""
    awaited = RunState.stall_due_at.is_not(None)
    await run_by_run(
        connection,
        select(RunState.run_id).where(awaited),
        update(RunState)
        .where(RunState.run_id == EACH_RUN, awaited)
        .values(
            version=RunState.version + 1,
            stall_due_at=func.greatest(RunState.stall_due_at + literal(gap), literal(earliest)),
        ),
    )
