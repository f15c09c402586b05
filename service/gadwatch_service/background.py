"""The service's work beside its requests, apart from alerts."""

from collections.abc import Iterator

from gadwatch_service.clock import Clock
from gadwatch_service.judging.keeper import Keeper
from gadwatch_service.settings import Settings
from gadwatch_service.store.database import Database
from gadwatch_service.upkeep.replay import Replayer
from gadwatch_service.upkeep.retention import EVERY_SECONDS, Space, keep_only
from gadwatch_service.upkeep.sealing import seal_due
from gadwatch_service.workers import Worker

_SPACE_SECONDS = 10.0


def upkeep_workers(
    settings: Settings, database: Database, keeper: Keeper, space: Space, now: Clock
) -> Iterator[Worker]:
    """Sealing, replaying, retention, freeing of space."""
    often = settings.poll_seconds
    yield Worker("sealer", lambda: seal_due(database, keeper), often)
    yield Worker("replayer", Replayer(database, keeper).work, often)
    yield Worker("retention", lambda: keep_only(database, keeper, space, now()), EVERY_SECONDS)
    yield Worker("space", lambda: space.free(database), _SPACE_SECONDS)
