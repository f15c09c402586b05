import errno
import gc
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gadwatch_cli.errors import Failure

if TYPE_CHECKING:
    from gadwatch_service.settings import Settings


def serve(
    host: Annotated[
        str | None, typer.Option(help=r"Address to listen on. \[env: GADWATCH_HOST]")
    ] = None,
    port: Annotated[
        int | None, typer.Option(help=r"Port to listen on; 0 picks one. \[env: GADWATCH_PORT]")
    ] = None,
    data_dir: Annotated[
        Path | None,
        typer.Option(help=r"Folder of the database and the token. \[env: GADWATCH_DATA_DIR]"),
    ] = None,
) -> None:
    """Run the service and its dashboard; without GADWATCH_DATABASE_URL on an embedded Postgres."""
    with starting():
        # What is imported stays; looking for garbage in it would take a fifth of the start. The
        # server turns it on again.
        gc.disable()
        from gadwatch_service.listening import listen
        from gadwatch_service.logs import configure_logging
        from gadwatch_service.settings import load_settings

        settings = load_settings(host=host, port=port, data_dir=data_dir)
        configure_logging(settings.log_level, settings.log_format)
        with listen(settings.host, settings.port) as listener, _database_meanwhile(settings):
            from gadwatch_dashboards import install
            from gadwatch_service.server import serve_on

            serve_on(listener, settings, [install], _announce)


@contextmanager
def _database_meanwhile(settings: "Settings") -> Iterator[None]:
    """The embedded Postgres starts while the service is imported, which then joins it."""
    from gadwatch_service.store.embedded import EmbeddedError, EmbeddedPostgres

    if settings.database_url is not None:
        yield
        return
    embedded = EmbeddedPostgres(settings.data_dir)

    def start() -> None:
        # The service tries again, and says what is wrong.
        with suppress(EmbeddedError, OSError):
            embedded.start()

    thread = threading.Thread(target=start)
    thread.start()
    try:
        yield
    finally:
        thread.join()
        embedded.stop()


@contextmanager
def starting() -> Iterator[None]:
    """Turns what keeps a service from starting into one clear line."""
    try:
        yield
    except ModuleNotFoundError as error:
        raise Failure(
            f"the service needs more packages ({error.name} is missing): "
            "pip install 'gadwatch[service]'"
        ) from error
    except OSError as error:
        if error.errno is None:
            raise
        raise Failure(_reason(error)) from error
    except Exception as error:
        if not _is_expected(error):
            raise
        raise Failure(str(error)) from error


def _reason(error: OSError) -> str:
    """What of this machine is in the way, and what to do where it is not plain."""
    place = f"{error.filename}: " if error.filename else ""
    text = f"the service cannot start: {place}{error.strerror or error}"
    if error.errno == errno.EADDRINUSE:
        text += "; choose another port with --port or GADWATCH_PORT"
    elif isinstance(error, socket.gaierror) or error.errno == errno.EADDRNOTAVAIL:
        text += "; give an address of this machine with --host or GADWATCH_HOST"
    return text


def _is_expected(error: Exception) -> bool:
    import psycopg
    from sqlalchemy.exc import OperationalError

    from gadwatch_service.settings import SettingsError
    from gadwatch_service.store.embedded import EmbeddedError
    from gadwatch_service.store.migrate import NewerSchemaError

    database = (EmbeddedError, NewerSchemaError, OperationalError, psycopg.OperationalError)
    return isinstance(error, (SettingsError, *database))


def _announce(url: str, login_path: str | None) -> None:
    from rich.text import Text

    from gadwatch_cli.console import err

    err.print(Text.assemble("gadwatch is ready: ", (url, "bold")))
    if login_path is not None:
        err.print(Text.assemble("first login (valid once): ", (f"{url}{login_path}", "bold")))
    err.print("Ctrl-C stops it.", style="dim")
