from typing import Final

from sqlalchemy.ext.asyncio import AsyncSession

from gadwatch_service.alerts.events import RunFacts
from gadwatch_service.alerts.outbox.record import record_changes
from gadwatch_service.judging.hold import Transition
from gadwatch_service.judging.run import JudgedRun

_ENDS: Final = frozenset({"finished", "failed", "killed"})


async def tell_endpoints(session: AsyncSession, transition: Transition) -> None:
    """Write the alerts of a run's transition, in the transaction that makes it."""
    row = transition.run.row
    await record_changes(
        await session.connection(),
        facts_of(transition.run),
        transition.changes,
        transition.now,
        assess=transition.assessment.as_dict,
        ended=row.status in _ENDS and row.status != transition.status_before,
    )


def facts_of(run: JudgedRun) -> RunFacts:
    """What messages say of a run that is held."""
    return RunFacts(
        run_id=run.run_id,
        name=run.name,
        project=run.project,
        stage=run.row.stage,
        status=run.row.status,
        step=run.row.last_step or 0,
        attempt=run.row.attempt,
    )
