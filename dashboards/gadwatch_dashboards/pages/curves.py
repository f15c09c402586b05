"""Stored series as the curves of figures, and what is drawn around them."""

from collections.abc import Mapping, Sequence

from sqlalchemy.ext.asyncio import AsyncSession

from gadwatch_dashboards.figures.catalogue import CHARTS, expected_reward
from gadwatch_dashboards.figures.series import Content, Mark, Series, Zone
from gadwatch_dashboards.texts import Texts
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
        # The figures work out relative times themselves.
        axis="step" if state.axis == "step" else "wall",
    )
    started = run.started_at.timestamp() if run.started_at else None
    return {
        one.metric: Series(one.metric, one.steps, one.values, one.times, started=started)
        for one in found
    }


def content_of(
    chart_id: str,
    series: Sequence[Series],
    bounds: Mapping[str, Zone],
    marks: Sequence[Mark],
    stage2_from: int | None,
    texts: Texts,
) -> Content:
    """A chart of the catalogue, or a metric of its own, with all that is drawn beside it."""
    chart = next((known for known in CHARTS if known.chart_id == chart_id), None)
    corridor = None
    if chart is not None and chart_id == "rewards" and stage2_from is not None and series:
        before = [
            v for s, v in zip(series[0].steps, series[0].values, strict=True) if s < stage2_from
        ]
        if before:
            corridor = expected_reward(stage2_from, before[-1], texts("chart.expected"))
    title = texts(f"chart.title.{chart_id}") if chart else ", ".join(s.metric for s in series)
    zone = bounds.get(series[0].metric, Zone()) if series else Zone()
    return Content(
        title=title,
        series=series,
        zone=zone,
        marks=marks,
        lines=chart.lines if chart else (),
        corridor=corridor,
    )
