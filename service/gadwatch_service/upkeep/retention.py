"""Removes steps that their project does not keep any longer, and gives their space back."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from gadwatch_service.errors import NotFound
from gadwatch_service.history import repository as history
from gadwatch_service.history.blocks import BLOCK_STEPS
from gadwatch_service.history.repository import BlockSpan
from gadwatch_service.judging.keeper import Keeper
from gadwatch_service.store.database import Database
from gadwatch_service.upkeep import repository

EVERY_SECONDS: Final = 3600.0


class Space:
    """Whether something was removed whose space is still to be given back."""

    def __init__(self) -> None:
        self.wanted = False

    async def free(self, database: Database) -> bool:
        """A round of a worker: make the space of removed steps free for others.

        The tables' files shrink where their ends are empty.
        """
        if not self.wanted:
            return False
        self.wanted = False
        async with database.drivers.connection() as driver:
            await driver.execute("SET statement_timeout = 0")
            try:
                for table in ("blocks", "tail"):
                    await driver.execute(f"VACUUM {table}")
            finally:
                await driver.execute("RESET statement_timeout")
        return False


async def keep_only(database: Database, keeper: Keeper, space: Space, now: datetime) -> bool:
    """One round over every project with a retention; each run in a transaction of its own."""
    async with database.session() as session:
        wanted = await repository.list_retained(session)
    for run_id, retention in wanted:
        try:
            space.wanted |= await _trim(keeper, run_id, retention, now)
        except NotFound:
            continue  # Deleted since it was listed.
    return False


async def _trim(keeper: Keeper, run_id: str, retention: dict[str, Any], now: datetime) -> bool:
    async with keeper.hold(run_id) as hold:
        removed = False
        for attempt in hold.run.attempts.values():
            spans = await history.block_spans(hold.driver, run_id, attempt.attempt)
            doomed = expired(spans, retention, now)
            if doomed:
                await history.drop_blocks(hold.driver, run_id, attempt.attempt, doomed)
                removed = True
    return removed


def expired(spans: Sequence[BlockSpan], retention: dict[str, Any], now: datetime) -> list[int]:
    """The first steps of the blocks that are not to be kept.

    A block is as old as its newest step. Which blocks stay of those to be thinned follows from
    their steps alone, so that thinning again removes nothing more.
    """
    doomed = []
    oldest = _before(now, retention.get("max_age_days"))
    keep_every = retention.get("keep_every", 1)
    thin = _before(now, retention.get("thin_after_days")) if keep_every > 1 else None
    for span in spans:
        too_old = oldest is not None and span.last_time < oldest
        number = span.first_step // BLOCK_STEPS
        thinned = thin is not None and span.last_time < thin and number % keep_every != 0
        if too_old or thinned:
            doomed.append(span.first_step)
    return doomed


def _before(now: datetime, days: int | None) -> float | None:
    return None if days is None else (now - timedelta(days=days)).timestamp()
