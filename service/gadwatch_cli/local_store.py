"""The service's own database, for commands that work without a running service."""

from collections.abc import Iterator
from contextlib import contextmanager

from gadwatch_cli.serve import starting


@contextmanager
def database_url() -> Iterator[str]:
    """Address of the configured database; the embedded one runs meanwhile."""
    with starting():
        from gadwatch_service.settings import load_settings
        from gadwatch_service.store.embedded import EmbeddedPostgres

        settings = load_settings()
        if settings.database_url is not None:
            yield settings.database_url
            return
        with EmbeddedPostgres(settings.data_dir) as embedded:
            yield embedded.url()
