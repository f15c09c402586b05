from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Step:
    """What one training step logged.

    Metric names may be canonical or aliases. ``time`` is unix seconds, or None when unknown.
    """

    step: int
    metrics: Mapping[str, float]
    time: float | None = None
