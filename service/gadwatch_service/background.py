"""The service's work beside its requests, apart from alerts."""

from collections.abc import Iterator

from gadwatch_service.judging.keeper import Keeper
from gadwatch_service.settings import Settings
from gadwatch_service.store.database import Database
from gadwatch_service.upkeep.replay import replay_due
from gadwatch_service.upkeep.sealing import seal_due
from gadwatch_service.workers import Worker


def upkeep_workers(settings: Settings, database: Database, keeper: Keeper) -> Iterator[Worker]:
    """Sealing and replaying."""
    yield Worker("sealer", lambda: seal_due(database, keeper), settings.poll_seconds)
    yield Worker("replayer", lambda: replay_due(database, keeper), settings.poll_seconds)
