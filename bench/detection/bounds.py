"""Confidence bounds of counts and shares."""

from __future__ import annotations

import math


def wilson(hits: int, trials: int, z: float = 1.96) -> tuple[float, float]:
    """Two-sided 95 % interval of a share."""
    if trials == 0:
        return 0.0, 1.0
    share, square = hits / trials, z * z / trials
    centre = (share + square / 2) / (1 + square)
    half = z * math.sqrt(share * (1 - share) / trials + square / (4 * trials)) / (1 + square)
    return max(0.0, centre - half), min(1.0, centre + half)


def poisson_upper(count: int, confidence: float = 0.95) -> float:
    """Largest mean with which so few events are not yet improbable (one-sided)."""
    low, high = 0.0, 10.0 * (count + 3)
    for _ in range(60):
        mean = (low + high) / 2
        term = at_most = math.exp(-mean)
        for k in range(1, count + 1):
            term *= mean / k
            at_most += term
        low, high = (mean, high) if at_most > 1 - confidence else (low, mean)
    return high
