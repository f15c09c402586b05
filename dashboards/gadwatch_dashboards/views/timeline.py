"""A run's stages as a strip: warm-up, ready since, stage 2, ended; gaps and verdict changes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any


@dataclass(frozen=True)
class Segment:
    """A stretch of the strip; ``start`` and ``width`` are percent of it."""

    kind: str
    first: int
    last: int
    start: float
    width: float


@dataclass(frozen=True)
class Tick:
    """A moment on the strip: a verdict's change or a stage's start."""

    kind: str
    step: int
    at: float


@dataclass(frozen=True)
class Timeline:
    """``end`` is the step at the strip's right edge."""

    segments: tuple[Segment, ...]
    ticks: tuple[Tick, ...]
    end: int


def timeline(
    *,
    first_step: int | None,
    last_step: int | None,
    warmup_steps: int | None,
    stage2_step: int | None,
    verdicts: Sequence[tuple[int, str]],
    gaps: Sequence[tuple[int, int]] = (),
    ended: bool = False,
) -> Timeline | None:
    """The strip of a run, or ``None`` before its first step.

    ``verdicts`` are ``(step, verdict)`` in order; ``gaps`` are missing ``(first, last)`` steps.
    While the warm-up goes on, the strip reaches to its planned end.
    """
    if first_step is None or last_step is None:
        return None
    begin = min(first_step, 1)
    end = last_step
    if stage2_step is None and not ended and warmup_steps:
        end = max(end, warmup_steps)
    width = max(1, end - begin + 1)

    def piece(kind: str, first: int, last: int) -> Segment:
        start = (first - begin) / width * 100
        return Segment(
            kind, first, last, round(start, 3), round((last - first + 1) / width * 100, 3)
        )

    segments = []
    warmup_last = last_step if stage2_step is None else min(last_step, stage2_step - 1)
    if warmup_last >= first_step:
        segments.append(piece("warmup", first_step, warmup_last))
    segments += [
        piece("ready", since, min(until, warmup_last))
        for since, until in _ready_stretches(verdicts, last_step)
        if since <= warmup_last
    ]
    if stage2_step is not None and stage2_step <= last_step:
        segments.append(piece("stage2", stage2_step, last_step))
    if last_step < end:
        segments.append(piece("planned", last_step + 1, end))
    segments += [piece("gap", first, last) for first, last in gaps]
    ticks = [
        Tick(verdict, step, round((step - begin) / width * 100, 3)) for step, verdict in verdicts
    ]
    return Timeline(tuple(segments), tuple(ticks), end)


def _ready_stretches(verdicts: Sequence[tuple[int, str]], last_step: int) -> list[tuple[int, int]]:
    stretches: list[tuple[int, int]] = []
    since: int | None = None
    for step, verdict in verdicts:
        if verdict == "ready" and since is None:
            since = step
        elif verdict != "ready" and since is not None:
            stretches.append((since, step - 1))
            since = None
    if since is not None:
        stretches.append((since, last_step))
    return stretches


def gaps_in(steps: Sequence[int], *, at_least: int = 2) -> list[tuple[int, int]]:
    """Stretches of steps that never came: ``(first missing, last missing)``.

    Steps logged every n-th time are no gaps: the usual stride is the median distance.
    """
    if len(steps) < 3:
        return []
    distances = sorted(b - a for a, b in pairwise(steps))
    stride = distances[len(distances) // 2]
    return [
        (before + stride, after - 1)
        for before, after in pairwise(steps)
        if after - before - stride >= at_least * stride
    ]


def stage2_step(stages: Sequence[Mapping[str, Any]], first_step: int | None) -> int | None:
    """The first step of stage 2, from an attempt's stages; ``None`` while it has not begun.

    A change carries the last step before it, or none when the attempt began with it.
    """
    for change in stages:
        if change["stage"] == "stage2":
            return first_step if change["step"] is None else int(change["step"]) + 1
    return None
