"""Smoothing, thinning and the range of the value axis. Pure."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace

from gadwatch_dashboards.figures.series import Series, Zone


def smoothed(values: Sequence[float], weight: float) -> list[float]:
    """The exponential moving average, debiased at its start; gaps stay gaps.

    ``weight`` is the share of the past, 0 (none) up to but not including 1.
    """
    mean, norm, result = 0.0, 0.0, []
    for value in values:
        if not math.isfinite(value):
            result.append(math.nan)
            continue
        mean = mean * weight + value * (1 - weight)
        norm = norm * weight + (1 - weight)
        result.append(mean / norm)
    return result


def value_range(
    values: Iterable[float], zone: Zone, *, log: bool = False, robust: bool = False
) -> tuple[float, float] | None:
    """The value axis' ends: all data, and those bounds that lie near it.

    A bound joins when it lies within 60 % of the data's span beyond it, so that a reward of −1.9
    is not flattened by the bound at −10. ``robust`` leaves the outermost 1 % of the points out.
    On a log axis only positive values count and the ends are exponents of ten. ``None`` when
    there is nothing to show.
    """
    finite = sorted(v for v in values if math.isfinite(v) and (v > 0 or not log))
    if not finite:
        return None
    cut = max(1, len(finite) // 100) if robust and len(finite) >= 20 else 0
    low, high = finite[cut], finite[-1 - cut]
    size = (high - low) or abs(high) or 1.0
    for bound in (zone.ok_low, zone.ok_high, zone.critical_low, zone.critical_high):
        if bound is None or (log and bound <= 0):
            continue
        if low - 0.6 * size <= bound < low:
            low = bound
        elif high < bound <= high + 0.6 * size:
            high = bound
    if log:
        low_exp, high_exp = math.log10(low), math.log10(high)
        pad = 0.06 * ((high_exp - low_exp) or 1.0)
        return low_exp - pad, high_exp + pad
    pad = 0.06 * ((high - low) or abs(high) or 1.0)
    return low - pad, high + pad


def thinned(series: Series, points: int) -> Series:
    """At most ``points`` points: every bucket keeps its lowest, highest and non-finite value.

    The first and the last point stay. For series that come from a file; stored ones are thinned
    where they are read.
    """
    size = len(series.steps)
    if size <= points:
        return series
    buckets = max(1, points // 3)
    keep = {0, size - 1}
    for number in range(buckets):
        places = range(size * number // buckets, size * (number + 1) // buckets)
        finite = [place for place in places if math.isfinite(series.values[place])]
        if finite:
            keep.add(min(finite, key=series.values.__getitem__))
            keep.add(max(finite, key=series.values.__getitem__))
        if len(finite) < len(places):
            keep.add(next(place for place in places if not math.isfinite(series.values[place])))
    order = sorted(keep)
    return replace(
        series,
        steps=[series.steps[place] for place in order],
        values=[series.values[place] for place in order],
        times=[series.times[place] for place in order] if series.times else (),
    )
