from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from tests.serving import ServedProcess, serve

from gadwatch_hooks import strict
from gadwatch_service.store.embedded import EmbeddedPostgres


@pytest.fixture(scope="module")
def service(
    embedded: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ServedProcess]:
    """One real server process for all tests of a file; each test has runs of its own."""
    admin = embedded.url("postgres").replace("postgresql+psycopg://", "postgresql://")
    with psycopg.connect(admin, autocommit=True) as connection:
        connection.execute("CREATE DATABASE contract TEMPLATE gadwatch STRATEGY file_copy")
    with serve(tmp_path_factory.mktemp("service"), embedded.url("contract")) as process:
        yield process
    with psycopg.connect(admin, autocommit=True) as connection:
        connection.execute("DROP DATABASE contract WITH (FORCE)")


@pytest.fixture(autouse=True)
def a_trainers_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A spool of the test's own, and defects of the hook raised instead of swallowed."""
    monkeypatch.setattr(strict, "RERAISE", True)
    monkeypatch.setattr(strict, "_told", set())
    monkeypatch.setenv("GADWATCH_DATA_DIR", str(tmp_path / "trainer"))
