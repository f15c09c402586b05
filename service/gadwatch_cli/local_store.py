"""The service's own database, for commands that work without a running service."""

from collections.abc import Iterator
from contextlib import contextmanager

from gadwatch_cli.errors import Failure
from gadwatch_cli.serve import starting


@contextmanager
def database_url(make: bool = False) -> Iterator[str]:
    """Address of the configured database; the embedded one runs meanwhile.

    One that is not there is made only with ``make``: a backup of the wrong folder would be empty.
    """
    with starting():
        from gadwatch_service.settings import load_settings
        from gadwatch_service.store.embedded import EmbeddedPostgres

        settings = load_settings()
        if settings.database_url is not None:
            yield settings.database_url
            return
        if not make and not (settings.data_dir / "postgres" / "PG_VERSION").exists():
            raise Failure(
                f"there is no database in {settings.data_dir}: name its folder by "
                "GADWATCH_DATA_DIR, or a server by GADWATCH_DATABASE_URL"
            )
        with EmbeddedPostgres(settings.data_dir) as embedded:
            yield embedded.url()
