from collections.abc import Sequence
from dataclasses import dataclass
from math import isnan

Values = list[float | None]
"""One step's values by the run's metric catalogue; may be shorter. NaN is NaN, absent is None."""


@dataclass(slots=True)
class StoredStep:
    """One step of an attempt; ``time`` is unix seconds."""

    step: int
    time: float
    values: Values


def overlay(below: Sequence[float | None], above: Sequence[float | None]) -> Values:
    """``above`` laid over ``below``: what it has wins, what it lacks shows through."""
    merged: Values = list(below)
    merged.extend([None] * (len(above) - len(merged)))
    for place, value in enumerate(above):
        if value is not None:
            merged[place] = value
    return merged


def same(one: float | None, other: float | None) -> bool:
    """Whether two stored values are equal, NaN to NaN included."""
    if one is None or other is None:
        return one is other
    return one == other or (isnan(one) and isnan(other))
