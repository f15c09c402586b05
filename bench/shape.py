"""The steps that benchmarks send: healthy, with digits as real trainers log them."""

import json
import random
from collections.abc import Mapping

from tests.service.pushing import HEALTHY

Batches = list[bytes]
"""Request bodies, ready to be sent one after another."""


def metrics(rng: random.Random, count: int) -> dict[str, float]:
    """The values of one step with ``count`` metrics."""
    values = {name: value * (1 + 0.02 * rng.uniform(-1, 1)) for name, value in HEALTHY.items()}
    values |= {f"perf/metric_{n}": rng.gauss(0, 1) for n in range(count - len(values))}
    return values


def make_batches(
    seed: int, batches: int, steps: int, width: int, wrong: Mapping[str, float] | None = None
) -> Batches:
    """Bodies of ``steps`` steps each, made before a clock starts; ``wrong`` replaces values."""
    rng = random.Random(seed)
    bodies = []
    for first in range(1, batches * steps, steps):
        rows = [
            {"step": step, "time": 1.7e9 + step, "metrics": metrics(rng, width) | dict(wrong or {})}
            for step in range(first, first + steps)
        ]
        bodies.append(json.dumps({"steps": rows}).encode())
    return bodies
