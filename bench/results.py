"""The newest figures of each benchmark, kept so that the parts can be measured one by one."""

import json
from datetime import UTC, datetime
from pathlib import Path

from bench.machine import describe
from bench.report import Data

FOLDER = Path(__file__).parents[1] / ".artifacts" / "bench"


def save(name: str, data: Data, load_before: str) -> None:
    """Keep these figures as the newest of ``name``."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    told = {
        "machine": describe(),
        "at": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "load": load_before,
        "data": data,
    }
    (FOLDER / f"{name}.json").write_text(json.dumps(told, indent=1))


def kept() -> dict[str, Data]:
    """What :func:`save` has kept, by name."""
    return {path.stem: json.loads(path.read_text()) for path in sorted(FOLDER.glob("*.json"))}
