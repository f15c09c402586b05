"""What stands around a figure: a one-line summary and a table of its points."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from gadwatch_dashboards import formats
from gadwatch_dashboards.figures.series import Series, Zone
from gadwatch_dashboards.texts import Texts

TABLE_ROWS = 24


@dataclass(frozen=True)
class DataTable:
    """A figure's points as text; long series are thinned to about ``TABLE_ROWS`` rows."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    thinned: bool


def summary(all_series: Sequence[Series], zone: Zone, texts: Texts) -> str:
    """One line a reader who cannot see the figure needs: now, lowest, highest, in range or not.

    Several series are summed up by their newest values alone.
    """
    if len(all_series) != 1:
        return ", ".join(f"{one.name} {formats.number(_newest(one))}" for one in all_series)
    (series,) = all_series
    finite = [value for value in series.values if math.isfinite(value)]
    lost = len(series.values) - len(finite)
    if not finite:
        return texts("chart.none_finite" if lost else "chart.empty")
    newest = _newest(series)
    sentence = texts(
        "chart.summary",
        now=formats.number(newest),
        low=formats.number(min(finite)),
        high=formats.number(max(finite)),
    )
    if zone.ok_low is not None or zone.ok_high is not None:
        inside = (zone.ok_low is None or newest >= zone.ok_low) and (
            zone.ok_high is None or newest <= zone.ok_high
        )
        sentence += " · " + texts("chart.inside" if inside else "chart.outside")
    if lost:
        sentence += " · " + texts("chart.non_finite", count=lost)
    return sentence


def _newest(series: Series) -> float:
    return series.values[-1] if series.values else math.nan


def data_table(all_series: Sequence[Series], texts: Texts) -> DataTable:
    """The points of all series by step, newest first."""
    by_step: dict[int, list[str]] = {}
    for number, series in enumerate(all_series):
        for step, value in zip(series.steps, series.values, strict=True):
            row = by_step.setdefault(step, [formats.ABSENT] * len(all_series))
            row[number] = formats.number(value)
    steps = sorted(by_step, reverse=True)
    stride = max(1, math.ceil(len(steps) / TABLE_ROWS))
    return DataTable(
        columns=(texts("chart.step"), *(series.name for series in all_series)),
        rows=tuple((formats.number(step), *by_step[step]) for step in steps[::stride]),
        thinned=stride > 1,
    )
