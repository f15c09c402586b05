from typing import Any

import msgspec


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
    conflicts: list[Any] = []
