"""One service process for a whole folder of tests that keep out of each other's way."""

from collections.abc import Iterator

import pytest

from gadwatch_service.store.embedded import EmbeddedPostgres
from tests.databases import cloned
from tests.serving import ServedProcess, serve


@pytest.fixture(scope="package")
def served(
    embedded: EmbeddedPostgres, postgres_url: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ServedProcess]:
    """A running service on a database of the folder's own; each test has runs of its own."""
    with cloned(embedded) as url, serve(tmp_path_factory.mktemp("service"), url) as process:
        yield process
