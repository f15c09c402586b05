import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.hooks.fake_service import FakeService, running

import gadwatch_hooks
from gadwatch_hooks import Run, exits, strict


@pytest.fixture(autouse=True)
def defects_are_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the hook swallows in production fails the test, and nothing is told only once."""
    monkeypatch.setattr(strict, "RERAISE", True)
    monkeypatch.setattr(strict, "_told", set())


@pytest.fixture(autouse=True)
def process_hooks_are_put_back(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The hooks for the end of the process belong to the process under test."""
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)
    monkeypatch.setattr(sys, "exit", sys.exit)
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)
    exits._open.clear()
    exits._former.pop("sigterm", None)


@pytest.fixture(autouse=True)
def data_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "data"
    monkeypatch.setenv("GADWATCH_DATA_DIR", str(folder))
    for name in ("RANK", "SLURM_PROCID"):
        monkeypatch.delenv(name, raising=False)
    return folder


@pytest.fixture
def service() -> Iterator[FakeService]:
    with running() as fake:
        yield fake


@pytest.fixture
def begin(service: FakeService) -> Iterator[Callable[..., Run]]:
    """``init`` at the test's service; runs that the test leaves open are closed."""
    runs: list[Run] = []

    def begin_run(**arguments: Any) -> Run:
        runs.append(gadwatch_hooks.init(**{"url": service.url, "project": "p", **arguments}))
        return runs[-1]

    yield begin_run
    for run in runs:
        run.finish(timeout=0.1)


@pytest.fixture
def spool(data_dir: Path) -> Path:
    return data_dir / "spool"
