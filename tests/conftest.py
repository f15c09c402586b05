"""Fixtures that every area may use: a real Postgres, a migrated database, the app, a process."""

import os
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx2
import pytest

from gadwatch_service.settings import Settings
from gadwatch_service.store import migrate
from gadwatch_service.store.database import Database
from gadwatch_service.store.embedded import EmbeddedPostgres
from tests.databases import cloned, execute
from tests.serving import ServedProcess, opened, serve


@pytest.fixture(autouse=True)
def no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """A GADWATCH_ variable of the developer's shell must not decide a test."""
    for name in os.environ:
        if name.startswith("GADWATCH_") and name != "GADWATCH_TEST_DATA":
            monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
def embedded() -> Iterator[EmbeddedPostgres]:
    """One server for all tests, with durability off: nobody needs its data after a crash."""
    # Not under pytest's folder: another session may take away the right to pass through it.
    with (
        tempfile.TemporaryDirectory(prefix="gadwatch-") as folder,
        EmbeddedPostgres(Path(folder)) as server,
    ):
        execute(
            server.url("postgres"),
            "ALTER SYSTEM SET fsync = off",
            "ALTER SYSTEM SET synchronous_commit = off",
            "ALTER SYSTEM SET full_page_writes = off",
            "SELECT pg_reload_conf()",
        )
        migrate.upgrade(server.url())
        yield server


@pytest.fixture
def data_dir() -> Iterator[Path]:
    """A data folder for a service with an embedded database of its own."""
    with tempfile.TemporaryDirectory(prefix="gadwatch-") as folder:
        yield Path(folder)


@pytest.fixture(scope="session")
def postgres_url(embedded: EmbeddedPostgres) -> str:
    """Address of the migrated template; tests write to ``database_url``, a clone of it."""
    return embedded.url()


@pytest.fixture
def database_url(embedded: EmbeddedPostgres, postgres_url: str) -> Iterator[str]:
    """Address of a migrated, empty database of the test's own."""
    with cloned(embedded) as url:
        yield url


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """The pool on a migrated, empty database of the test's own."""
    pool = Database(database_url)
    yield pool
    await pool.close()


@pytest.fixture
def settings(database_url: str, tmp_path: Path) -> Settings:
    """Settings of an app on the test's own database, workers off; a test may override it."""
    return Settings(database_url=database_url, data_dir=tmp_path, run_workers=False)


@pytest.fixture
async def client(settings: Settings) -> AsyncIterator[httpx2.AsyncClient]:
    """A client of the app in this process, with the owner's token; ``client.app`` is the app."""
    async with opened(settings) as client:
        yield client


@pytest.fixture
def service(database_url: str, tmp_path: Path) -> Iterator[ServedProcess]:
    """A real server process on the test's own database: ``.url``, ``.token``, ``.kill()``."""
    with serve(tmp_path / "service", database_url) as process:
        yield process
