"""A small curve as an SVG path, drawn by the server."""

import math
from collections.abc import Sequence


def path(values: Sequence[float | None], width: float = 96, height: float = 24) -> str:
    """The path's ``d`` in a ``width`` × ``height`` box; gaps where values are absent or not finite.

    Empty when fewer than two values are finite.
    """
    finite = [v for v in values if v is not None and math.isfinite(v)]
    if len(finite) < 2:
        return ""
    low, high = min(finite), max(finite)
    size = (high - low) or 1.0
    across = (width - 2) / max(1, len(values) - 1)
    parts: list[str] = []
    pen_down = False
    for number, value in enumerate(values):
        if value is None or not math.isfinite(value):
            pen_down = False
            continue
        x = 1 + number * across
        y = height - 2 - (value - low) / size * (height - 4)
        parts.append(f"{'L' if pen_down else 'M'}{x:.1f} {y:.1f}")
        pen_down = True
    return "".join(parts)
