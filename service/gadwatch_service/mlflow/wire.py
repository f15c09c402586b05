"""Numbers and keys as MLflow's protocol writes them.

Doubles are JSON numbers, non-finite ones the strings "NaN", "Infinity" and "-Infinity"; whole
numbers may come as numbers or as strings.
"""

import math
import re

from gadwatch_service.mlflow.errors import invalid

NON_FINITE = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}
INT64 = 2**63

# verl writes "mean@8" as "mean_at_8"; only before a digit is the "@" certain to be meant.
_AT = re.compile(r"_at_(?=\d)")


def double_in(value: float | str) -> float:
    """A metric's value as it came.

    Raises :class:`MlflowError` when it is neither a number nor the name of a non-finite one.
    """
    if isinstance(value, str):
        if value in NON_FINITE:
            return NON_FINITE[value]
        try:
            return float(value)
        except ValueError:
            raise invalid(
                f"the value {value[:40]!r} is not a number; send a number, "
                '"NaN", "Infinity" or "-Infinity"'
            ) from None
    return float(value)


def double_out(value: float) -> float | str:
    """A metric's value as MLflow's client reads it."""
    if math.isfinite(value):
        return value
    if math.isnan(value):
        return "NaN"
    return "Infinity" if value > 0 else "-Infinity"


def int64_in(value: float | str, name: str) -> int:
    """A whole number that came as a number or as text.

    Raises :class:`MlflowError` when it is not a whole number of 64 bits.
    """
    try:
        number = int(value)
    except (ValueError, OverflowError):
        number = INT64
    if (isinstance(value, float) and number != value) or not -INT64 <= number < INT64:
        raise invalid(f"{name} must be a whole number of 64 bits, not {str(value)[:40]!r}")
    return number


def metric_in(key: str) -> str:
    """The metric's own name: verl's adapter had to write "@" as "_at_"."""
    return _AT.sub("@", key)


def metric_out(name: str) -> str:
    """The metric's name as MLflow's client knows it; the inverse of :func:`metric_in`."""
    return name.replace("@", "_at_")
