"""Which charts a run's page opens with, and what each draws beside the measured curves."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite

from gadwatch_dashboards.figures.series import Content, Corridor, Line, Mark, Series, Zone
from gadwatch_dashboards.texts import Texts


@dataclass(frozen=True)
class Chart:
    """``chart_id`` names it in addresses and texts; ``metrics`` are drawn where they are logged."""

    chart_id: str
    metrics: tuple[str, ...]
    lines: tuple[Line, ...] = ()


CHARTS = (
    Chart("d_acc", ("critic/d_acc", "val/d_acc")),
    Chart("score_diff", ("critic/score_diff",)),
    Chart("rewards", ("critic/rewards/mean", "reward/discriminator_mean"), (Line(0.0, "0"),)),
    Chart("grad_norm", ("critic/grad_norm",)),
    Chart("ranking_loss", ("critic/ranking_loss",), (Line(0.6931, "ln 2"),)),
    Chart("scores", ("critic/teacher_score_mean", "critic/student_score_mean")),
    Chart("actor_loss", ("actor/pg_loss",)),
    Chart("actor_grad_norm", ("actor/grad_norm",)),
    Chart("entropy", ("actor/entropy",)),
    Chart("length", ("response_length/mean",)),
    Chart("clip_ratio", ("response_length/clip_ratio",)),
)


def charts_for(logged: Sequence[str]) -> list[Chart]:
    """The charts that a run with these metrics has something to show in."""
    known = set(logged)
    return [chart for chart in CHARTS if known.intersection(chart.metrics)]


def remaining(logged: Sequence[str]) -> dict[str, list[str]]:
    """The metrics of no chart above, grouped by their first part, in alphabetical order."""
    charted = {metric for chart in CHARTS for metric in chart.metrics}
    groups: dict[str, list[str]] = {}
    for metric in sorted(set(logged) - charted):
        groups.setdefault(metric.split("/")[0] if "/" in metric else "other", []).append(metric)
    return groups


def expected_reward(stage2_step: int, handover: float, label: str) -> Corridor:
    """The reference analysis' expected path of the reward after the hand-over at ``stage2_step``.

    From the run's own reward at the hand-over (the reference run's was −1.88) to −1.5 … −0.5 at
    step 500, −0.5 … 0.5 at 1000 and 0.5 … 1.0 later; the reference handed over at step 253, so
    the distances count from there. Drawn as a guide, never judged.
    """
    reference_handover = 253
    corners = [(float(stage2_step), handover, handover)]
    corners += [
        (stage2_step + step - reference_handover, low, high)
        for step, low, high in ((500.0, -1.5, -0.5), (1000.0, -0.5, 0.5), (1500.0, 0.5, 1.0))
    ]
    return Corridor(corners, label)


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
    if chart_id == "rewards" and stage2_from is not None and series:
        start = _value_before(stage2_from, series[0])
        if start is not None:
            corridor = expected_reward(stage2_from, start, texts("chart.expected"))
    return Content(
        title=(
            ", ".join(one.metric for one in series)
            if chart is None
            else texts(f"chart.title.{chart_id}")
        ),
        series=series,
        zone=bounds.get(series[0].metric, Zone()) if series else Zone(),
        marks=marks,
        lines=() if chart is None else chart.lines,
        corridor=corridor,
    )


def _value_before(step: int, series: Series) -> float | None:
    """The last finite value before ``step``; the expected path begins there."""
    before = [
        value
        for at, value in zip(series.steps, series.values, strict=True)
        if at < step and isfinite(value)
    ]
    return before[-1] if before else None
