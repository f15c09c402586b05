"""Which runs need upkeep. Nothing is locked here: each run is then taken under its own lock."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from gadwatch_service.store.tables import Project, Run, RunState

_WORK = or_(RunState.seal_wanted, RunState.replay_wanted)
"""The predicate of the index that finds them."""


async def list_to_seal(session: AsyncSession, limit: int) -> Sequence[str]:
    """Runs whose tail is to be sealed."""
    statement = select(RunState.run_id).where(_WORK, RunState.seal_wanted).limit(limit)
    return (await session.execute(statement)).scalars().all()


async def list_to_replay(session: AsyncSession, limit: int) -> Sequence[str]:
    """Runs whose state is to be derived anew."""
    statement = select(RunState.run_id).where(_WORK, RunState.replay_wanted).limit(limit)
    return (await session.execute(statement)).scalars().all()


async def list_retained(session: AsyncSession) -> Sequence[tuple[str, dict[str, Any]]]:
    """Every run whose project does not keep everything, with the project's retention."""
    statement = (
        select(Run.run_id, Project.retention)
        .join(Project, Project.name == Run.project)
        .where(Project.retention != {})
    )
    return [(row[0], row[1]) for row in await session.execute(statement)]
