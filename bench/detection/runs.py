"""Recorded runs on disk: labelled series, compressed, read back as steps.

A file holds the runs of one seed, one JSON object a line. A faulty run keeps only its steps
from the onset on: before it, it is the file's healthy run of the same name (`base`) to the last
bit, since both grew from one checkpoint. Values have five significant digits.
"""

from __future__ import annotations

import gzip
import json
import math
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

FOLDER = Path(__file__).parents[2] / "tests" / "scenarios" / "recorded"

Steps = list[tuple[int, dict[str, float]]]


@dataclass
class Recorded:
    """A run with its label. `onset` is None for a healthy run."""

    name: str
    split: str
    seed: int
    fault: str | None = None
    onset: int | None = None
    stage2_from: int | None = None
    warmup_steps: int = 253
    base: str | None = None
    ended: bool = True
    """False for a run that hangs: its steps stop and it never finishes."""
    config: dict[str, float] = field(default_factory=dict)
    steps: Steps = field(default_factory=list)

    @property
    def healthy(self) -> bool:
        """Whether no fault was injected."""
        return self.fault is None


def rounded(value: float) -> float:
    return float(f"{value:.5g}") if math.isfinite(value) else value


def _columns(steps: Steps) -> dict[str, list[float | None]]:
    names = sorted({name for _, metrics in steps for name in metrics})
    return {
        name: [rounded(metrics[name]) if name in metrics else None for _, metrics in steps]
        for name in names
    }


def save(path: Path, runs: Iterable[Recorded]) -> None:
    """Write a file of runs; the same runs give the same bytes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = []
    for run in runs:
        facts = asdict(run)
        facts["steps"] = [step for step, _ in run.steps]
        facts["series"] = _columns(run.steps)
        lines.append(json.dumps(facts, separators=(",", ":")))
    path.write_bytes(gzip.compress("\n".join(lines).encode(), compresslevel=9, mtime=0))


def load(path: Path) -> Iterator[Recorded]:
    """The runs of a file, each with its whole history from step 1."""
    seen: dict[str, Recorded] = {}
    for line in gzip.decompress(path.read_bytes()).decode().splitlines():
        facts = json.loads(line)
        series, numbers = facts.pop("series"), facts.pop("steps")
        own: Steps = [
            (
                number,
                {name: column[at] for name, column in series.items() if column[at] is not None},
            )
            for at, number in enumerate(numbers)
        ]
        run = Recorded(**facts, steps=own)
        if run.base is not None:
            first = own[0][0] if own else run.onset or 1
            run.steps = [pair for pair in seen[run.base].steps if pair[0] < first] + own
        seen[run.name] = run
        yield run


def load_all(split: str | None = None) -> Iterator[Recorded]:
    """Every recorded run, or those of a split (`dev`, `holdout`)."""
    for path in sorted(FOLDER.glob("*.jsonl.gz")):
        for run in load(path):
            if split is None or run.split == split:
                yield run
