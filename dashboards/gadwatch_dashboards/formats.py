"""How numbers, ages and durations are written on pages and in reports. Pure."""

import math
from datetime import UTC, datetime
from typing import Any

ABSENT = "–"


def number(value: Any, digits: int = 4) -> str:
    """A value with ``digits`` significant digits; ``NaN``, ``Infinity`` and absence are words."""
    if value is None:
        return ABSENT
    if isinstance(value, str):
        return value
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "−Infinity" if value < 0 else "Infinity"
    if value == 0:
        return "0"
    size = abs(value)
    if isinstance(value, int) or (size >= 10**digits and size < 1e12):
        text = f"{value:,.0f}"
    elif 1e-4 <= size < 1e12:
        decimals = max(0, digits - 1 - math.floor(math.log10(size)))
        text = f"{value:.{decimals}f}"
        if "." in text:
            text = text.rstrip("0").rstrip(".")
    else:
        text = f"{value:.{max(0, digits - 2)}e}"
    return text.replace("-", "−", 1) if text.startswith("-") else text


def span(seconds: float) -> str:
    """A length of time in its two leading units: ``12 s``, ``3 min 20 s``, ``2 h 5 min``."""
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    for size, unit, smaller, small_unit in (
        (86400, "d", 3600, "h"),
        (3600, "h", 60, "min"),
        (60, "min", 1, "s"),
    ):
        if whole >= size:
            rest = whole % size // smaller
            return (
                f"{whole // size} {unit} {rest} {small_unit}" if rest else f"{whole // size} {unit}"
            )
    raise AssertionError(whole)


def age(moment: datetime | None, now: datetime) -> str:
    """How long ago a moment was, without the word for "ago"; in one unit."""
    if moment is None:
        return ABSENT
    seconds = max(0.0, (now - moment).total_seconds())
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"


def stamp(moment: datetime | None) -> str:
    """A moment as readers without JavaScript see it: UTC to the second."""
    return ABSENT if moment is None else moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def signs(text: str) -> str:
    """Bounds as typed in ASCII, with the signs of mathematics."""
    return text.replace("<=", "≤").replace(">=", "≥")


def as_float(value: Any) -> float | None:
    """A number from the wire's forms (``"NaN"``, ``"-Infinity"``, numbers); else ``None``."""
    if isinstance(value, bool) or value is None:
        return None
    try:
        return float(value)
    except (TypeError, ValueError):
        return None
