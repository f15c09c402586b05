"""Runs made for tests: noise around the reference run's values, and a reader of one log."""

import math
import os
import random
import re
from pathlib import Path

from gadwatch_rules import Step

REFERENCE = {
    "reward/discriminator_mean": -1.88,
    "critic/rewards/mean": -1.88,
    "critic/d_acc": 94.73,
    "critic/score_diff": 1.81,
    "critic/teacher_score_mean": 1.81,
    "critic/student_score_mean": -1.33,
    "critic/grad_norm": 0.398,
    "critic/ranking_loss": 0.530,
}


def around_reference(step: int, noise: random.Random, pairs: int = 256) -> dict[str, float]:
    """One healthy step: every metric as noisy as such a batch makes it."""
    reward = -1.75 + noise.gauss(0, 0.08)
    return {
        "reward/discriminator_mean": reward,
        "critic/rewards/mean": reward,
        "critic/d_acc": sum(noise.random() < 0.947 for _ in range(pairs)) / pairs,
        "critic/score_diff": 1.81 + noise.gauss(0, 0.08),
        "critic/teacher_score_mean": 1.81 + noise.gauss(0, 0.08),
        "critic/student_score_mean": -1.33 + noise.gauss(0, 0.08),
        "critic/grad_norm": 0.398 * math.exp(noise.gauss(0, 0.15)),
        "critic/ranking_loss": 0.530 + noise.gauss(0, 0.005),
    }


def healthy(seed: int, count: int, first: int = 1, pairs: int = 256) -> list[Step]:
    """A run that is healthy from its first step."""
    noise = random.Random(seed)
    return [
        Step(step, around_reference(step, noise, pairs), float(60 * step))
        for step in range(first, first + count)
    ]


def learning(seed: int, count: int, rate: float = 0.04, pairs: int = 256) -> list[Step]:
    """A critic that starts at chance and learns; ``rate`` 0 never does."""
    noise = random.Random(seed)
    steps = []
    for step in range(1, count + 1):
        grown = 1 - math.exp(-rate * max(0, step - 5)) if rate else 0.0
        accuracy = 0.5 + 0.43 * grown
        difference = 0.02 + 2.4 * grown
        steps.append(
            Step(
                step,
                {
                    "critic/d_acc": sum(noise.random() < accuracy for _ in range(pairs)) / pairs,
                    "critic/score_diff": difference + noise.gauss(0, 0.03),
                    "critic/teacher_score_mean": difference / 2 + noise.gauss(0, 0.03),
                    "critic/student_score_mean": -difference / 2 + noise.gauss(0, 0.03),
                    "critic/grad_norm": (0.1 + 0.5 * grown) * math.exp(noise.gauss(0, 0.1)),
                    "critic/ranking_loss": 0.693 - 0.4 * grown + noise.gauss(0, 0.01),
                    "critic/rewards/mean": -difference / 2 + noise.gauss(0, 0.03),
                },
                float(60 * step),
            )
        )
    return steps


def changed(steps: list[Step], start: int, **values: object) -> list[Step]:
    """The same run with other values from step ``start`` on.

    A value is a number, a function of (step, old value), or None to drop the metric. Slashes
    of metric names are written as double underscores.
    """
    made = []
    for step in steps:
        metrics = dict(step.metrics)
        if step.step >= start:
            for key, value in values.items():
                name = key.replace("__", "/")
                if value is None:
                    metrics.pop(name, None)
                elif callable(value):
                    metrics[name] = value(step.step, metrics.get(name, 0.0))
                else:
                    metrics[name] = float(value)  # type: ignore[arg-type] # a number then
        made.append(Step(step.step, metrics, step.time))
    return made


def public_logs() -> Path | None:
    """The folder of public logs, or None where it is absent."""
    here = Path(os.environ.get("GADWATCH_TEST_DATA", ""))
    beside = Path(__file__).resolve().parents[3] / "shared" / "data"
    return next((path for path in (here, beside) if path.name and path.is_dir()), None)


def verl_console(path: Path) -> list[Step]:
    """The steps of a verl console log: enough of a reader for one test."""
    rows: dict[int, dict[str, float]] = {}
    for raw in path.read_text("utf-8", errors="replace").splitlines():
        line = re.sub(r"\x1b\[[0-9;]*m", "", raw)
        found = re.search(r"step:(\d+) - (.*)", line)
        if found is None:
            continue
        metrics = rows.setdefault(int(found[1]), {})
        for part in found[2].strip().split(" - "):
            key, _, value = part.rpartition(":")
            try:
                metrics[key] = float(value)
            except ValueError:
                continue
    return [Step(step, metrics) for step, metrics in sorted(rows.items())]
