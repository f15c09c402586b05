from typing import Final

from psycopg import AsyncConnection

from gadwatch_service.judging.run import JudgedRun

_SAVE_NAMES: Final = "UPDATE runs SET metrics = %s, percent = %s WHERE run_id = %s"


async def save_names(connection: AsyncConnection, run: JudgedRun) -> None:
    """Write the run's metric catalogue and which of its metrics come as percent."""
    await connection.execute(_SAVE_NAMES, [run.metrics, sorted(run.percent), run.run_id])
