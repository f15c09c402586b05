"""One change in many runs, made run by run: a cluster keeps a run's rows on one node."""

from typing import Any, Final

from sqlalchemy import Delete, Select, Text, Update, bindparam
from sqlalchemy.ext.asyncio import AsyncConnection

EACH_RUN: Final = bindparam("each_run", type_=Text)
"""Stands for the run in the statement that :func:`run_by_run` makes for each."""


async def run_by_run(
    connection: AsyncConnection, runs: Select[str], change: Update | Delete
) -> None:
    """Make ``change``, whose ``run_id`` is :data:`EACH_RUN`, in each of ``runs``.

    In the runs' order: two who change many runs at once do not wait for each other in a circle.
    """
    found = await connection.scalars(runs.distinct().order_by(*runs.selected_columns))
    values: list[dict[str, Any]] = [{"each_run": run_id} for run_id in found]
    if values:
        await connection.execute(change, values)
