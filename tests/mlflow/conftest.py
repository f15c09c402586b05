import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from mlflow.tracking import MlflowClient
from tests.serving import ServedProcess
from tests.shared_service import served

import mlflow

__all__ = ["served"]


@pytest.fixture
def project() -> str:
    """A project that no other test uses."""
    return f"gad-{uuid.uuid4().hex[:8]}"


@pytest.fixture
def mlflow_client(
    served: ServedProcess, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[MlflowClient]:
    """The real client, pointed at the service; the fluent interface too."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", served.url)
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", served.token)
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
    mlflow.set_tracking_uri(served.url)
    yield MlflowClient()
    while mlflow.active_run():
        mlflow.end_run()
