"""Finds runs that have gone silent, by their due times; no timer a run."""

from datetime import UTC, datetime, timedelta
from typing import Final

from gadwatch_service.alerts.stalls import repository
from gadwatch_service.errors import NotFound
from gadwatch_service.judging.hold import Hold
from gadwatch_service.judging.keeper import Keeper
from gadwatch_service.store.database import Database

_BATCH: Final = 200

GAP: Final = timedelta(seconds=30)
"""Without a sign of life for longer, the service counts as having been away."""

GRACE: Final = timedelta(minutes=2)
"""After an absence no run is called stalled for so long: hooks need time to come back."""


class Sweep:
    """One process' search for silent runs."""

    def __init__(self, keeper: Keeper, database: Database) -> None:
        self._keeper = keeper
        self._database = database
        self._started = False

    async def round(self, now: datetime) -> bool:
        """One round of a worker; says whether there may be more.

        1. Note that we live. If nobody did for a while, put all due times off by that while: runs
           could not be heard. A process that has just started cannot know whom it missed, however
           short the while.
        2. List the runs that are due, without a lock.
        3. Look at each under its row lock: heard of meanwhile, it gets its new due time; else the
           rules judge its silence, and what they say goes the way of every finding.
        """
        async with self._database.connection() as connection, connection.begin():
            last = await repository.beat(connection, now)
            if last is not None and (now - last > GAP or not self._started):
                await repository.extend(connection, now - last, now + GRACE)
        self._started = True
        async with self._database.connection() as connection:
            due = await repository.list_due(connection, now, _BATCH)
        for run_id in due:
            try:
                async with self._keeper.hold(run_id) as hold:
                    _look(hold)
            except NotFound:
                continue  # Deleted since it was listed.
        return len(due) == _BATCH


def _look(hold: Hold) -> None:
    run, row = hold.run, hold.run.row
    if row.stall_due_at is None or row.stall_due_at > hold.now:
        return  # Another process was faster.
    if row.status not in {"running", "stalled"}:
        row.stall_due_at = None
        return
    moment = run.engine.stall_due(run.state)
    if moment is not None and moment <= hold.now.timestamp():
        changes = run.engine.tick(run.state, hold.now.timestamp())
        hold.report(changes)
        if any(change.state == "firing" for change in changes.findings):
            row.status = "stalled"
        moment = run.engine.stall_due(run.state)
        if moment is not None and moment <= hold.now.timestamp():
            moment = None  # All is said; the next step sets a new due time.
    row.stall_due_at = None if moment is None else datetime.fromtimestamp(moment, UTC)
