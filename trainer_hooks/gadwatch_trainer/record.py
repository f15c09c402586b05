"""Writes a run's steps as JSON lines, which every reader of training logs here understands."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

from gadwatch_trainer.trainer import Metrics


class Recorder:
    """One `{"step": …, "time": …, "metrics": {…}}` a line; `time` in Unix seconds.

    Non-finite values are written as JSON's bare tokens `NaN` and `Infinity`, as Python and the
    trainers built on it write them. An existing file is replaced.
    """

    def __init__(self, path: Path, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("w", encoding="utf-8")

    def write(self, step: int, metrics: Metrics) -> None:
        """Writes one step; the line is on disk when this returns."""
        line = {"step": step, "time": round(self._clock(), 3), "metrics": metrics}
        self._file.write(json.dumps(line) + "\n")
        self._file.flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()
