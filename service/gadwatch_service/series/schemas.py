import math
from collections.abc import Iterable
from typing import Any

from gadwatch_rules.jsonsafe import safe
from gadwatch_service.series.service import Series


def series_out(series: Series) -> dict[str, Any]:
    """A series as JSON; non-finite values as ``"NaN"``, ``"Infinity"``, ``"-Infinity"``."""
    return {
        "run": series.run_id,
        "attempt": series.attempt,
        "metric": series.metric,
        "total": series.total,
        "steps": series.steps,
        "values": safe_values(series.values),
        "times": series.times,
    }


def safe_values(values: Iterable[float]) -> list[float | str]:
    """Values as JSON can carry them."""
    values = list(values)
    if all(map(math.isfinite, values)):
        return list(values)
    return [value if math.isfinite(value) else safe(value) for value in values]
