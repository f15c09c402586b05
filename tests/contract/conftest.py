from pathlib import Path

import pytest
from tests.shared_service import served

from gadwatch_hooks import strict

__all__ = ["served"]


@pytest.fixture(autouse=True)
def a_trainers_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A spool of the test's own, and defects of the hook raised instead of swallowed."""
    monkeypatch.setattr(strict, "RERAISE", True)
    monkeypatch.setattr(strict, "_told", set())
    monkeypatch.setenv("GADWATCH_DATA_DIR", str(tmp_path / "trainer"))
