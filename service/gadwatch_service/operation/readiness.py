import asyncio
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from gadwatch_service.heartbeat import Heartbeats
from gadwatch_service.operation import repository
from gadwatch_service.store.database import Database
from gadwatch_service.store.migrate import head_revision

DATABASE_SECONDS: Final = 2.0
"""A database slower than this cannot take steps."""

LAG: Final = timedelta(minutes=2)
"""An alert due for longer than this was not even tried: the workers are behind or dead."""


@dataclass(frozen=True, slots=True)
class Check:
    """One condition of being ready, and for people what is wrong."""

    name: str
    ok: bool
    detail: str


async def check_readiness(database: Database, heartbeats: Heartbeats, now: datetime) -> list[Check]:
    """Whether requests can be served: database, schema, workers."""
    silent = heartbeats.silent()
    alive = ", ".join(f"{name} silent for {s:.0f} s" for name, s in sorted(silent.items()))
    workers = Check("workers", not silent, alive or "alive")
    try:
        async with asyncio.timeout(DATABASE_SECONDS), database.session() as session:
            revision = await repository.schema_revision(session)
            if revision != head_revision():
                return [
                    Check("database", True, "reachable"),
                    Check("migrations", False, f"at {revision}, wanted {head_revision()}"),
                    workers,
                ]
            outbox = await repository.outbox(session, now)
    except (TimeoutError, PoolTimeoutError, SQLAlchemyError, OSError) as error:
        return [Check("database", False, type(error).__name__), workers]
    due = outbox.longest_due
    late = due is not None and now - due > LAG
    return [
        Check("database", True, "reachable"),
        Check("migrations", True, "current"),
        workers,
        Check("deliveries", not late, f"due since {due:%H:%M:%S} UTC" if late else "in time"),
    ]
