"""The database: schema, backup, restore."""

from pathlib import Path
from typing import Annotated

import typer

from gadwatch_cli.console import err
from gadwatch_cli.errors import Exit, Failure
from gadwatch_cli.local_store import database_url

app = typer.Typer(no_args_is_help=True, help="The database: upgrade, check, backup, restore.")


@app.command()
def upgrade() -> None:
    """Bring the schema up to date; `serve` does this by itself."""
    with database_url(make=True) as url:
        from gadwatch_service.store import migrate

        migrate.upgrade(url)
        err.print(f"the schema is at {migrate.revision_of(url)}")


@app.command()
def check() -> None:
    """Is the schema up to date? Exit code 1 when not."""
    with database_url() as url:
        from gadwatch_service.store import migrate

        if not migrate.is_current(url):
            err.print(f"the schema is at {migrate.revision_of(url)}: run `gadwatch db upgrade`")
            raise typer.Exit(Exit.NO)
        if different := migrate.differences(url):
            err.print(f"the schema differs from what is expected: {different}")
            raise typer.Exit(Exit.NO)
        err.print(f"the schema is current ({migrate.revision_of(url)})")


@app.command()
def backup(
    target: Annotated[Path, typer.Argument(help="File to write; it must not exist.")],
) -> None:
    """Write a consistent backup; the service may go on running."""
    with database_url() as url:
        from gadwatch_service.operation import backup as tools

        try:
            size = tools.backup(url, target)
        except tools.BackupError as error:
            raise Failure(str(error)) from error
    err.print(f"{target}: {size / 2**20:.1f} MiB")


@app.command()
def restore(
    source: Annotated[Path, typer.Argument(help="A file that `db backup` wrote.")],
    replace: Annotated[bool, typer.Option(help="Replace the runs that are there.")] = False,
) -> None:
    """Put the database into the state of a backup; the service must be stopped."""
    with database_url(make=True) as url:
        from gadwatch_service.operation import backup as tools

        try:
            tools.restore(url, source, replace)
        except tools.BackupError as error:
            raise Failure(str(error)) from error
    err.print(f"restored from {source}")
