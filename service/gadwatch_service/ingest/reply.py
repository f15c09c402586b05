from collections.abc import Mapping
from typing import Final, Self

import msgspec

from gadwatch_service.ingest.sorting import Batch
from gadwatch_service.judging.run import JudgedRun

_SHOWN: Final = 20
"""Most conflicts that a reply names."""


class Readiness(msgspec.Struct):
    """The verdict in short form."""

    verdict: str
    since_step: int | None
    first_ready_step: int | None


class PushReply(msgspec.Struct):
    """What became of a batch, and where the run stands now.

    ``accepted`` steps brought something new, ``duplicate`` ones nothing; ``late`` counts those
    of the accepted that are older than the run's newest step. ``rejected`` counts values that
    were not stored, ``reasons`` says why. ``conflicts`` names values that differ from what was
    stored before (the newer one counts): ``[step, metric]``, the first twenty.
    """

    accepted: int
    duplicate: int
    late: int
    rejected: int
    reasons: dict[str, int]
    run: str
    attempt: int
    health: str
    verdict: Readiness
    stage: str
    last_step: int | None
    conflicts: list[tuple[int, str]] = []

    @classmethod
    def of(cls, run: JudgedRun, attempt: int, batch: Batch, rejected: Mapping[str, int]) -> Self:
        """The reply to a batch that stands now."""
        row = run.row
        return cls(
            accepted=len(batch.fresh) + len(batch.changed),
            duplicate=batch.duplicate,
            late=batch.late,
            rejected=sum(rejected.values()),
            reasons=dict(rejected),
            run=run.run_id,
            attempt=attempt,
            health=row.health,
            verdict=Readiness(row.verdict, row.verdict_since, row.first_ready_step),
            stage=row.stage,
            last_step=row.last_step,
            conflicts=batch.conflicts[:_SHOWN],
        )
