"""Stored series as the curves of figures."""

from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncSession

from gadwatch_dashboards.figures.series import Series
from gadwatch_dashboards.views.run_page import PageState
from gadwatch_service.runs.view import RunView
from gadwatch_service.series.service import read_series


async def curves(
    session: AsyncSession,
    run: RunView,
    metrics: Sequence[str],
    *,
    points: int,
    state: PageState,
) -> dict[str, Series]:
    """The curves of those metrics that the run logs, at most about ``points`` points each."""
    logged = set(run.metrics)
    found = await read_series(
        session,
        run,
        [metric for metric in metrics if metric in logged],
        from_step=state.first,
        to_step=state.last,
        points=points,
        axis=state.axis,
    )
    # Relative times count from the attempt's first step, which a zoom may leave out.
    started = 0.0 if state.axis == "relative" else None
    return {
        one.metric: Series(one.metric, one.steps, one.values, one.times, started=started)
        for one in found
    }
