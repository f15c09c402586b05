from math import inf, isfinite
from typing import Any


def safe(value: Any) -> Any:
    """A value as JSON may carry it: non-finite numbers become words, floats stay floats."""
    if isinstance(value, float) and not isfinite(value):
        if value == inf:
            return "Infinity"
        return "-Infinity" if value == -inf else "NaN"
    return value
