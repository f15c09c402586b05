import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.integrations.receiver import Receiver, Script
from tests.shared_service import served

__all__ = ["served"]


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Receiver]:
    """A receiver that the hook of this process and of its children pushes to."""
    with Receiver() as receiver:
        for name in [name for name in os.environ if name.startswith("GADWATCH_")]:
            monkeypatch.delenv(name)
        monkeypatch.setenv("GADWATCH_URL", receiver.url)
        monkeypatch.setenv("GADWATCH_TOKEN", "gw_test")
        monkeypatch.setenv("GADWATCH_DATA_DIR", str(tmp_path / "gadwatch"))
        monkeypatch.setenv("HF_HUB_OFFLINE", "1")
        yield receiver


@pytest.fixture
def script(tmp_path: Path) -> Script:
    """Runs a training script in a process of its own, in an empty folder."""

    def run(path: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [sys.executable, str(path), *arguments],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    return run
