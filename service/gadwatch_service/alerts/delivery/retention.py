"""Forgets the log of deliveries that ended long ago."""

from datetime import datetime, timedelta
from itertools import groupby
from typing import Final

from gadwatch_service.alerts.delivery import repository
from gadwatch_service.store.database import Database

EVERY_S: Final = 3600.0

_BATCH: Final = 500


async def forget_ended(database: Database, days: int, now: datetime) -> bool:
    """Delete one batch of deliveries older than ``days`` with their attempts.

    What is still to be sent stays, however old it is. Each run's rows go in a transaction of
    their own. Says whether there may be more.
    """
    async with database.connection() as connection:
        old = await repository.list_ended(connection, now - timedelta(days=days), _BATCH)
    for run_id, rows in groupby(sorted(old), key=lambda row: row[0]):
        async with database.connection() as connection, connection.begin():
            await repository.drop_ended(connection, run_id, [row[1] for row in rows])
    return len(old) == _BATCH
