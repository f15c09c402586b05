"""The view's state in the address of a run's page and of its figures."""

from math import isfinite

from fastapi import Request

from gadwatch_dashboards.figures.series import Axis
from gadwatch_dashboards.views.run_page import PageState

AXES: tuple[Axis, ...] = ("step", "relative", "wall")
SMOOTHEST = 0.99


def state_of(request: Request) -> PageState:
    """What the address asks for; what it asks wrongly is left out, so old links keep working."""
    query = request.query_params
    first, last = whole(query.get("from")), whole(query.get("to"))
    zoomed = first is not None and last is not None and first < last
    axis = next((known for known in AXES if known == query.get("axis")), AXES[0])
    return PageState(
        axis=axis,
        smooth=min(SMOOTHEST, max(0.0, fraction(query.get("smooth")))),
        log=query.get("log") == "1",
        robust=query.get("robust") == "1",
        first=first if zoomed else None,
        last=last if zoomed else None,
        pin=tuple(dict.fromkeys(query.getlist("pin")))[:20],
        q=query.get("q", "")[:100],
        attempt=whole(query.get("attempt")),
    )


def whole(text: str | None) -> int | None:
    """A step number, or ``None``; before the start of a stage it is negative."""
    digits = (text or "").removeprefix("-")
    return int(text or 0) if digits.isdecimal() and len(digits) <= 15 else None


def fraction(text: str | None) -> float:
    """A number, 0 when it is none."""
    try:
        value = float(text or 0)
    except ValueError:
        return 0.0
    return value if isfinite(value) else 0.0
