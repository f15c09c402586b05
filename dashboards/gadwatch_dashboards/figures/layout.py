"""A figure's frame: axes, legend, and the bounds that its metric's rules draw."""

import math
from typing import Any

from gadwatch_dashboards.figures.series import Content, View
from gadwatch_dashboards.palette import Palette

FONT = 'system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans SC", sans-serif'
FEW_STEPS = 6
Span = tuple[float, float] | None


def layout(content: Content, view: View, span: Span, paint: Palette) -> dict[str, Any]:
    """Axes, margins, legend and hover; the title lies in the figure's caption, not in here."""
    several = content.legend and (len(content.series) > 1 or content.corridor is not None)
    return {
        "font": {"family": FONT, "size": 12, "color": paint.text},
        "paper_bgcolor": paint.surface,
        "plot_bgcolor": paint.surface,
        "margin": {"l": 44, "r": 10, "t": 26 if several else 8, "b": 28},
        "xaxis": _across(content, view, paint),
        "yaxis": _axis(paint)
        | {"nticks": 6}
        | ({"type": "log"} if view.log else {})
        | ({"range": list(span)} if span else {}),
        "yaxis2": {"overlaying": "y", "range": [0, 1], "visible": False, "fixedrange": True},
        "hovermode": "x unified",
        "hoverlabel": {
            "bgcolor": paint.surface,
            "bordercolor": paint.grid,
            "font": {"size": 12, "color": paint.text},
        },
        "showlegend": several,
        "legend": {
            "orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom",
            "font": {"size": 11, "color": paint.muted}, "bgcolor": "rgba(0,0,0,0)",
        },
        "dragmode": "zoom",
        "meta": {"title": content.title, "unit": content.unit},
    }  # fmt: skip


def bounds(
    content: Content, view: View, span: Span, paint: Palette
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Shapes and notes: the healthy range shaded, its ends dotted, the critical ends dashed."""
    if span is None:
        return [], []
    zone = content.zone
    floor, ceiling = (10**end for end in span) if view.log else span
    shapes: list[dict[str, Any]] = []
    notes: list[dict[str, Any]] = []
    across = {"xref": "paper", "x0": 0, "x1": 1, "layer": "below"}
    low = floor if zone.ok_low is None else max(floor, zone.ok_low)
    high = ceiling if zone.ok_high is None else min(ceiling, zone.ok_high)
    if (zone.ok_low is not None or zone.ok_high is not None) and low < high:
        healthy = {"type": "rect", "y0": low, "y1": high, "fillcolor": paint.healthy}
        shapes.append(across | healthy | {"line": {"width": 0}})
        seen = low > floor or high < ceiling
        if zone.label and seen and high - low > 0.15 * (ceiling - floor):
            notes.append(_note(low, zone.label, view, paint))
    edges = [(bound, paint.zone_line, "dot") for bound in (zone.ok_low, zone.ok_high)]
    edges += [
        (bound, paint.critical_line, "dash") for bound in (zone.critical_low, zone.critical_high)
    ]
    edges += [(line.value, paint.muted, "dashdot") for line in content.lines]
    for bound, colour, dash in edges:
        if bound is not None and floor < bound < ceiling:
            line = {"width": 1, "color": colour, "dash": dash}
            shapes.append(across | {"type": "line", "y0": bound, "y1": bound, "line": line})
    notes += [
        _note(line.value, line.label, view, paint)
        for line in content.lines
        if floor < line.value < ceiling
    ]
    return shapes, notes


def _note(value: float, text: str, view: View, paint: Palette) -> dict[str, Any]:
    """A word beside a bound, on the left: the newest points are on the right."""
    return {
        "xref": "paper",
        "x": 0,
        "xanchor": "left",
        "xshift": 4,
        "y": math.log10(value) if view.log else value,
        "yanchor": "bottom",
        "text": text,
        "showarrow": False,
        "bgcolor": paint.note,
        "font": {"size": 11, "color": paint.muted},
    }


def _across(content: Content, view: View, paint: Palette) -> dict[str, Any]:
    axis = _axis(paint) | {"showgrid": False, "showline": True, "ticks": "outside"}
    axis |= {"ticklen": 4, "tickcolor": paint.grid}
    timed = any(series.times for series in content.series)
    if view.axis == "wall" and timed:
        return axis | {"type": "date"}
    if view.axis == "relative" and timed:
        return axis | {"ticksuffix": " h", "hoverformat": ".3~f"}
    axis |= {"tickformat": ",d", "hoverformat": ",d"}
    ends = _steps_shown(content, view)
    if ends is None:
        return axis
    # So few steps would be named in fractions, which are the same step again and again.
    few = {"dtick": 1} if ends[1] - ends[0] < FEW_STEPS else {}
    return axis | {"range": [*ends]} | few


def _steps_shown(content: Content, view: View) -> tuple[float, float] | None:
    """The step axis' ends: those asked for, else the series' with a hair of room.

    An expected path goes far beyond a young run: a part of it suffices to see where it leads.
    """
    if view.first is not None and view.last is not None:
        return view.first, view.last
    ends = [series.steps[end] for series in content.series if series.steps for end in (0, -1)]
    if not ends:
        return None
    room = max(0.5, 0.006 * (max(ends) - min(ends)))
    ahead = 0.35 * (max(ends) - min(ends)) if content.corridor else room
    return min(ends) - room, max(ends) + ahead


def _axis(paint: Palette) -> dict[str, Any]:
    return {
        "gridcolor": paint.grid,
        "linecolor": paint.grid,
        "zeroline": False,
        "tickfont": {"size": 11, "color": paint.muted},
        "automargin": True,
    }
