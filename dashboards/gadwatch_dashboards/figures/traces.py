"""What is drawn over the step axis: curves, corridor, findings, non-finite values."""

import math
from collections.abc import Iterator
from datetime import UTC, datetime
from textwrap import wrap
from typing import Any

from gadwatch_dashboards.figures.series import Content, Mark, Series, View
from gadwatch_dashboards.figures.smoothing import smoothed
from gadwatch_dashboards.palette import Palette

#: A curve this short shows its points, or a single step would be invisible.
FEW_POINTS = 12
SYMBOLS = {"critical": "octagon", "warning": "triangle-up", "notice": "diamond"}


def curves(content: Content, view: View, paint: Palette) -> Iterator[dict[str, Any]]:
    """Every series; with smoothing the raw one stays, faint, below its moving average."""
    for number, series in enumerate(content.series):
        colour = series.colour or paint.series[number % len(paint.series)]
        common = {
            "type": "scatter",
            "x": places(series, view),
            "name": series.name,
            "customdata": list(series.steps),
        }
        named = {"hovertemplate": "%{y:.4~g}<extra>" + series.name + "</extra>"}
        faint = view.smooth > 0
        yield (
            common
            | {
                "y": [short(value) for value in series.values],
                "mode": "lines+markers" if len(series.steps) <= FEW_POINTS else "lines",
                "line": {"color": colour, "width": 1 if faint else 1.75, "dash": series.dash},
                "marker": {"color": colour, "size": 5},
                "opacity": 0.28 if faint else 1,
                "showlegend": not faint,
                "meta": {"metric": series.metric, "role": "raw"},
            }
            | ({"hoverinfo": "skip"} if faint else named)
        )
        if faint:
            yield common | named | {
                "y": [short(value) for value in smoothed(series.values, view.smooth)],
                "mode": "lines",
                "line": {"color": colour, "width": 2, "dash": series.dash},
                "meta": {"metric": series.metric, "role": "smooth", "weight": view.smooth},
            }  # fmt: skip


def corridor(content: Content, view: View, paint: Palette) -> Iterator[dict[str, Any]]:
    """The expected path, known by steps alone."""
    if content.corridor is None or view.axis != "step":
        return
    for edge in (1, 2):
        yield {
            "type": "scatter",
            "x": [corner[0] for corner in content.corridor.corners],
            "y": [corner[edge] for corner in content.corridor.corners],
            "mode": "lines",
            "line": {"width": 0, "color": paint.corridor},
            "fill": "none" if edge == 1 else "tonexty",
            "fillcolor": paint.corridor,
            "name": content.corridor.label,
            "showlegend": edge == 2,
            "hoverinfo": "skip",
            "meta": {"role": "corridor"},
        }


def non_finite(content: Content, view: View, paint: Palette) -> Iterator[dict[str, Any]]:
    """NaN and infinities as crosses on the axis; a curve alone would hide them as gaps."""
    found = [
        (place, f"{series.name}: {value} @ {step}")
        for series in content.series
        for place, step, value in zip(
            places(series, view), series.steps, series.values, strict=True
        )
        if not math.isfinite(value)
    ]
    if found:
        yield {
            "type": "scatter",
            "x": [place for place, _ in found],
            "y": [0.02] * len(found),
            "yaxis": "y2",
            "mode": "markers",
            "marker": {"symbol": "x", "size": 8, "color": paint.severity["critical"]},
            "text": [text for _, text in found],
            "hovertemplate": "%{text}<extra></extra>",
            "name": "NaN / ±Inf",
            "showlegend": False,
            "meta": {"role": "non-finite"},
        }


def findings(content: Content, view: View, paint: Palette) -> Iterator[dict[str, Any]]:
    """A mark at each finding's first step, along the top; its target is in ``customdata``."""
    placed = list(_placed(content, view))
    if placed:
        yield {
            "type": "scatter",
            "x": [start for _, start, _ in placed],
            "y": [0.965] * len(placed),
            "yaxis": "y2",
            "mode": "markers",
            "marker": {
                "symbol": [SYMBOLS.get(mark.severity, "circle") for mark, _, _ in placed],
                "size": 9,
                "color": [paint.severity.get(mark.severity, paint.muted) for mark, _, _ in placed],
                "line": {"width": 1.5, "color": paint.surface},
            },
            # A line too long would be cut off at the card's edge.
            "text": ["<br>".join(wrap(mark.label, 48)) for mark, _, _ in placed],
            "customdata": [mark.target for mark, _, _ in placed],
            "hovertemplate": "%{text}<extra></extra>",
            "showlegend": False,
            "meta": {"role": "findings"},
        }


def episodes(content: Content, view: View, paint: Palette) -> Iterator[dict[str, Any]]:
    """A finding's first to last step as a faint column behind the curve; notices have none."""
    for mark, start, end in _placed(content, view):
        if mark.severity not in {"warning", "critical"}:
            continue
        colour = paint.severity.get(mark.severity, paint.muted)
        yield {
            "type": "rect", "x0": start, "x1": end, "yref": "paper", "y0": 0, "y1": 1,
            "layer": "below", "fillcolor": colour, "opacity": 0.1,
            "line": {"width": 1, "color": colour},
        }  # fmt: skip


def places(series: Series, view: View) -> list[Any]:
    """The series' positions on the chosen axis: steps, hours since its start, or UTC moments.

    Falls back to steps where no times are known.
    """
    if view.axis == "step" or not series.times:
        return list(series.steps)
    if view.axis == "relative":
        started = series.times[0] if series.started is None else series.started
        return [round((time - started) / 3600, 5) for time in series.times]
    return [datetime.fromtimestamp(t, UTC).isoformat(timespec="milliseconds") for t in series.times]


def short(value: float) -> float | None:
    """A value with seven significant digits, enough for any screen; ``None`` for a gap."""
    return float(f"{value:.7g}") if math.isfinite(value) else None


def _placed(content: Content, view: View) -> Iterator[tuple[Mark, Any, Any]]:
    """The marks with their two places; those outside the shown points are left out."""
    if view.axis == "step":
        for mark in content.marks:
            yield mark, mark.first_step, mark.last_step
        return
    for mark in content.marks:
        for series in content.series:
            inside = [
                place
                for step, place in zip(series.steps, places(series, view), strict=True)
                if mark.first_step <= step <= mark.last_step
            ]
            if inside:
                yield mark, inside[0], inside[-1]
                break
