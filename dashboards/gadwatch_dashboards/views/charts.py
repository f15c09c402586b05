"""What stands around a figure: a one-line summary and a table of its points."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from gadwatch_dashboards import formats
from gadwatch_dashboards.figures.series import Series, Zone
from gadwatch_dashboards.texts import Texts

TABLE_ROWS = 24
FEW = 3
"""Series whose newest values are all told; of more, the extremes."""


@dataclass(frozen=True)
class DataTable:
    """A figure's points as text; long series are thinned to about ``TABLE_ROWS`` rows."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    thinned: bool


def summary(all_series: Sequence[Series], zone: Zone, texts: Texts, *, zoomed: bool = False) -> str:
    """One line a reader who cannot see the figure needs: now, lowest, highest, in range or not.

    Several series are summed up by their newest values, many by the lowest and highest of these.
    ``zone`` is that of the first series' metric. A ``zoomed`` curve's newest value is not now's.
    """
    kind = "_at" if zoomed else ""
    if len(all_series) > FEW:
        return _extremes(all_series, texts, f"chart.extremes{kind}")
    if len(all_series) != 1:
        return ", ".join(
            f"{one.name} {formats.number(_newest(one))}"
            + (_place(_newest(one), zone, texts) if one.metric == all_series[0].metric else "")
            for one in all_series
        )
    (series,) = all_series
    finite = [value for value in series.values if math.isfinite(value)]
    lost = len(series.values) - len(finite)
    if not finite:
        return texts("chart.none_finite" if lost else f"chart.empty{kind}")
    newest = _newest(series)
    sentence = texts(
        f"chart.summary{kind}",
        now=formats.number(newest),
        step=formats.number(series.steps[-1]),
        low=formats.number(min(finite)),
        high=formats.number(max(finite)),
    )
    if place := _place(newest, zone, texts):
        sentence += " ·" + place
    if lost:
        sentence += " · " + texts("chart.non_finite", count=lost)
    return sentence


def _place(newest: float, zone: Zone, texts: Texts) -> str:
    if zone.ok_low is None and zone.ok_high is None:
        return ""
    inside = (zone.ok_low is None or newest >= zone.ok_low) and (
        zone.ok_high is None or newest <= zone.ok_high
    )
    return " " + texts("chart.inside" if inside else "chart.outside")


def _extremes(all_series: Sequence[Series], texts: Texts, key: str) -> str:
    finite = [one for one in all_series if math.isfinite(_newest(one))]
    if not finite:
        return texts("chart.none_finite")
    low, high = min(finite, key=_newest), max(finite, key=_newest)
    sentence = texts(
        key,
        low=formats.number(_newest(low)),
        low_name=low.name,
        high=formats.number(_newest(high)),
        high_name=high.name,
    )
    lost = len(all_series) - len(finite)
    return sentence + (" · " + texts("chart.non_finite", count=lost) if lost else "")


def _newest(series: Series) -> float:
    return series.values[-1] if series.values else math.nan


def data_table(all_series: Sequence[Series], texts: Texts) -> DataTable:
    """The points of all series by step, newest first."""
    columns = [dict(zip(series.steps, series.values, strict=True)) for series in all_series]
    steps = sorted(set().union(*columns), reverse=True)
    stride = max(1, math.ceil(len(steps) / TABLE_ROWS))
    return DataTable(
        columns=(texts("chart.step"), *(series.name for series in all_series)),
        rows=tuple(
            (formats.number(step), *(_cell(column, step) for column in columns))
            for step in steps[::stride]
        ),
        thinned=stride > 1,
    )


def _cell(column: Mapping[int, float], step: int) -> str:
    return formats.number(column[step]) if step in column else formats.ABSENT
