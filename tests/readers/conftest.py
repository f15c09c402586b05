import os
from collections.abc import Callable
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parents[2]


@pytest.fixture
def real_log() -> Callable[[str], Path]:
    """A public training log by its name; the test is skipped where the logs are not."""
    folder = Path(os.environ.get("GADWATCH_TEST_DATA") or HERE.parent / "shared" / "data")

    def find(name: str) -> Path:
        found = sorted(folder.glob(name))
        if not found:
            pytest.skip(f"no {name} in {folder}; set GADWATCH_TEST_DATA")
        return found[0]

    return find


@pytest.fixture
def log(tmp_path: Path) -> Callable[..., Path]:
    """A log file with these lines."""

    def write(*lines: str, name: str = "train.log") -> Path:
        path = tmp_path / name
        path.write_text("".join(line + "\n" for line in lines), "utf-8")
        return path

    return write
