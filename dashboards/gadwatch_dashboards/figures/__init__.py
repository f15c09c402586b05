"""Figures of training metrics: series, bounds and findings in, plotly figures out. Pure.

The pages, the reports and a notebook draw with the same functions.
"""

from gadwatch_dashboards.figures.draw import figure, figure_json
from gadwatch_dashboards.figures.series import (
    Axis,
    Content,
    Corridor,
    Line,
    Mark,
    Series,
    View,
    Zone,
)

__all__ = [
    "Axis",
    "Content",
    "Corridor",
    "Line",
    "Mark",
    "Series",
    "View",
    "Zone",
    "figure",
    "figure_json",
]
