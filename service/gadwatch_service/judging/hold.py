from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from psycopg import AsyncConnection as DriverConnection
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession

from gadwatch_rules.assessment import Assessment
from gadwatch_rules.findings import Changes, FindingChange
from gadwatch_service.history.steps import StoredStep
from gadwatch_service.judging.run import JudgedRun


@dataclass(frozen=True, slots=True)
class Transition:
    """What one transaction changed in a run, for those who tell others."""

    run: JudgedRun
    changes: Changes
    assessment: Assessment
    status_before: str
    now: datetime


class Listener(Protocol):
    """Told of a transition inside the transaction that makes it."""

    async def __call__(self, session: AsyncSession, transition: Transition) -> None:
        """Write what follows through ``session``; an error undoes the whole transaction."""


class Draft:
    """A run that is being changed: change ``run`` and report what the engine says.

    ``fresh`` are new steps of the newest attempt, behind all that it has.
    """

    def __init__(self, run: JudgedRun, now: datetime) -> None:
        self.run = run
        self.now = now
        self.seen = run.row.version
        self.status_before = run.row.status
        self.fresh: list[StoredStep] = []
        self.changes = Changes()
        self.ended: list[FindingChange] = []
        """Findings that ended with an attempt: already written, still to be told."""
        self.judged = False
        """Whether the engine state has changed otherwise than by folding ``fresh``."""

    @property
    def has_news(self) -> bool:
        """Whether findings, verdict or status have changed."""
        changes = self.changes
        return bool(
            changes.findings
            or changes.verdicts
            or self.ended
            or self.run.row.status != self.status_before
        )

    def folded(self, changes: Changes) -> None:
        """Note what the engine said of ``fresh``; the state follows from the stored steps."""
        self.changes.findings += changes.findings
        self.changes.verdicts += changes.verdicts

    def report(self, changes: Changes) -> None:
        """Note what the engine said of anything else; the state is stored with it."""
        self.judged = True
        self.folded(changes)


class Hold(Draft):
    """A draft under the run's row lock, with the connection of the transaction that has it."""

    def __init__(
        self, connection: AsyncConnection, driver: DriverConnection, run: JudgedRun, now: datetime
    ) -> None:
        super().__init__(run, now)
        self.connection = connection
        self.driver = driver
