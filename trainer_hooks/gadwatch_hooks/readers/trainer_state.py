import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from gadwatch_hooks.readers.numbers import flatten
from gadwatch_hooks.readers.record import Entry


def is_trainer_state(path: Path) -> bool:
    """Whether ``path`` is a ``trainer_state.json`` of a Hugging Face ``Trainer``."""
    return path.suffix == ".json" and isinstance(_load(path).get("log_history"), list)


def entries(path: Path) -> Iterator[Entry]:
    """The entries of ``log_history``; training and evaluation of one step are merged later."""
    for row in _load(path).get("log_history") or []:
        if not isinstance(row, dict) or not isinstance(row.get("step"), (int, float)):
            continue
        metrics: dict[str, float] = {}
        flatten({name: value for name, value in row.items() if name != "step"}, metrics)
        if metrics:
            yield Entry(metrics, int(row["step"]))


def _load(path: Path) -> dict[str, Any]:
    try:
        state = json.loads(path.read_text("utf-8", errors="replace"))
    except (ValueError, RecursionError):
        return {}
    return state if isinstance(state, dict) else {}
