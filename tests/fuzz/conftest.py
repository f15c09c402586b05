from collections.abc import Iterator

import pytest
from tests.fuzz.served import serve_for_fuzzing
from tests.serving import ServedProcess

from gadwatch_service.store.embedded import EmbeddedPostgres


@pytest.fixture(scope="session")
def served(
    embedded: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ServedProcess]:
    """One service for all of these tests, pages included."""
    with serve_for_fuzzing(embedded, tmp_path_factory.mktemp("fuzz")) as process:
        yield process
