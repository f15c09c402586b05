"""One service process for a whole folder of tests that keep out of each other's way."""

import uuid
from collections.abc import Iterator

import pytest

from gadwatch_service.store.embedded import EmbeddedPostgres
from tests.conftest import _execute
from tests.serving import ServedProcess, serve


@pytest.fixture(scope="package")
def served(
    embedded: EmbeddedPostgres, postgres_url: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ServedProcess]:
    """A running service on a database of the folder's own."""
    name = f"test_{uuid.uuid4().hex[:12]}"
    _execute(embedded.url("postgres"), f"CREATE DATABASE {name} TEMPLATE gadwatch")
    with serve(tmp_path_factory.mktemp("service"), embedded.url(name)) as process:
        yield process
    _execute(embedded.url("postgres"), f"DROP DATABASE {name} WITH (FORCE)")
