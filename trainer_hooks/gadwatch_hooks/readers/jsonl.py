import json
import math
import sys
from typing import Any

from gadwatch_hooks.readers.numbers import flatten, json_number
from gadwatch_hooks.readers.record import Entry, LineParser
from gadwatch_hooks.readers.times import unix_seconds

STEP_NAMES = (
    "step",
    "_step",
    "Step",
    "global_step",
    "training/global_step",
    "trainer/global_step",
    "train/global_step",
    "iteration",
    "iter",
)
TIME_NAMES = ("time", "timestamp", "_timestamp", "wall_time", "created_at")


class Jsonl(LineParser):
    """One JSON object a line.

    verl's ``file`` logger (``{"step": 1, "data": {…}}``), gadwatch's own lines
    (``{"step": 1, "time": …, "metrics": {…}}``), StyleGAN's ``stats.jsonl`` (values
    ``{num, mean, std}``; its step is the thousands of images) and plain objects with a step
    beside their metrics. Without any step the lines are counted from 1.
    """

    name = "JSON lines"
    looks_for = f"JSON objects with numbers, one a line, and one of {', '.join(STEP_NAMES)}"

    def feed(self, line: str) -> list[Entry]:
        """One object is one entry; what is no object is passed over."""
        line = line.strip().strip("\0")
        if not line.startswith("{"):
            return []
        try:
            row = _decode(line)
        except (ValueError, RecursionError):
            return []
        return [entry] if isinstance(row, dict) and (entry := entry_of(row)) else []


def _decode(line: str) -> Any:
    """A JSON value; four times as fast where ``msgspec`` is loaded already."""
    msgspec = sys.modules.get("msgspec.json")
    if msgspec is not None:
        try:
            return msgspec.decode(line)
        except ValueError:
            pass  # bare NaN, perhaps: the standard library reads it
    return json.loads(line)


def entry_of(row: dict[str, Any]) -> Entry | None:
    """The entry that an object of any of the known shapes stands for."""
    time = next((row[name] for name in TIME_NAMES if name in row), None)
    step, step_name = _step_of(row)
    for inner in ("data", "metrics"):
        values = row.get(inner)
        if isinstance(values, dict):
            if step is None:
                step, step_name = _step_of(values)
            break
    else:
        values = row
    metrics: dict[str, float] = {}
    flatten(values, metrics)
    for name in TIME_NAMES:
        metrics.pop(name, None)
    if step_name in {"step", "_step", "Step"}:
        metrics.pop(step_name, None)
    if not metrics:
        return None
    return Entry(metrics, step, unix_seconds(time), counts=step is None)


def _step_of(row: dict[str, Any]) -> tuple[int | None, str | None]:
    for name in STEP_NAMES:
        number = json_number(row[name]) if name in row else None
        if number is not None and math.isfinite(number) and number == int(number):
            return int(number), name
    kimg = row.get("Progress/kimg")
    if isinstance(kimg, dict) and isinstance(kimg.get("mean"), (int, float)):
        return int(kimg["mean"]), None
    return None, None
