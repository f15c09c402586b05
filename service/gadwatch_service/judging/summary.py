"""What lists of runs show of the steps: newest values and a sparkline, kept as steps come."""

from collections.abc import Sequence
from math import nan
from typing import Final

from gadwatch_rules.jsonsafe import safe
from gadwatch_service.history.steps import StoredStep
from gadwatch_service.judging.run import JudgedRun

SPARK: Final = 64
"""Most values of a sparkline."""

_LEADING: Final = ("critic/d_acc", "critic/rewards/mean", "critic/score/mean")


def note_latest(run: JudgedRun, rows: Sequence[StoredStep]) -> None:
    """Keep the newest value of each watched metric; ``rows`` are the newest steps, in order."""
    latest = dict(run.row.latest)
    for row in rows:
        for name, place in run.watched:
            value = row.values[place] if place < len(row.values) else None
            if value is not None:
                latest[name] = safe(value)
    run.row.latest = latest


def note_sparkline(run: JudgedRun, before: int, rows: Sequence[StoredStep]) -> None:
    """Add new steps to the sparkline, which stands for ``before`` steps so far."""
    spot = _leading_metric(run)
    if spot is None or not rows:
        return
    values = [row.values[spot] if spot < len(row.values) else None for row in rows]
    run.row.sparkline = extend_sparkline(
        run.row.sparkline, before, [nan if value is None else value for value in values]
    )


def extend_sparkline(
    sparkline: Sequence[float], before: int, values: Sequence[float]
) -> list[float]:
    """Add ``values`` behind the ``before`` steps that ``sparkline`` already stands for.

    It holds every n-th step, n the smallest power of two for which :data:`SPARK` values
    suffice; so it follows from the steps alone, in whatever batches they came.
    """
    stride = 1
    while (before + stride - 1) // stride > SPARK:
        stride *= 2
    kept = list(sparkline)
    for place, value in enumerate(values, before):
        if place % stride:
            continue
        if len(kept) == SPARK:
            kept = kept[::2]
            stride *= 2
        if place % stride == 0:
            kept.append(value)
    return kept


def _leading_metric(run: JudgedRun) -> int | None:
    """The place of the metric that the sparkline shows."""
    for name in _LEADING:
        if name in run.positions:
            return run.positions[name]
    return 0 if run.metrics else None
