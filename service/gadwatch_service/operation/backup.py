"""Backups of the whole database with Postgres' own tools, which the embedded server brings."""

import asyncio
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from psycopg.conninfo import conninfo_to_dict
from sqlalchemy.exc import SQLAlchemyError

from gadwatch_service.operation import repository
from gadwatch_service.store import migrate
from gadwatch_service.store.database import Database
from gadwatch_service.store.embedded import programs

_VARIABLES: Final[Mapping[str, str]] = {
    "host": "PGHOST",
    "port": "PGPORT",
    "user": "PGUSER",
    "password": "PGPASSWORD",
    "dbname": "PGDATABASE",
    "sslmode": "PGSSLMODE",
    "sslrootcert": "PGSSLROOTCERT",
}
"""How Postgres' tools take a connection: by environment, since arguments show in `ps`."""


class BackupError(RuntimeError):
    """A backup could not be made or restored; the text says why and what to do."""


def backup(url: str, target: Path) -> int:
    """Write a consistent backup of the database to ``target``; the service may go on running.

    The file can be read by this account alone. It holds everything stored, and the addresses of
    alert endpoints only encrypted: keep the secret key apart. Returns its size in bytes.
    Raises :class:`BackupError`.
    """
    if target.exists():
        raise BackupError(f"{target} exists already: choose another name.")
    draft = target.with_name(f"{target.name}.part")
    try:
        os.close(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600))
        _run("pg_dump", url, "--format=custom", "--no-owner", "--no-acl", f"--file={draft}")
        _run("pg_restore", url, "--list", str(draft))
    except OSError as error:
        raise BackupError(f"{target} cannot be written: {error.strerror}.") from error
    except BackupError:
        draft.unlink(missing_ok=True)
        raise
    draft.replace(target)
    return target.stat().st_size


def restore(url: str, source: Path, replace: bool = False) -> None:
    """Put the database into the state of a backup, in one transaction, then migrate it.

    1. Refuse while a service is connected, or, without ``replace``, when there are runs.
    2. Drop what is there and load the backup; a failure leaves everything as it was.
    3. Bring the schema of an older backup up to date.

    Raises :class:`BackupError`.
    """
    if not source.is_file():
        raise BackupError(f"{source} is no file.")
    asyncio.run(_refuse_if_in_use(url, replace))
    _run("pg_restore", url, "--clean", "--if-exists", "--no-owner", "--no-acl",
         "--single-transaction", f"--dbname={_parts(url)['dbname']}", str(source))  # fmt: skip
    migrate.upgrade(url)


async def _refuse_if_in_use(url: str, replace: bool) -> None:
    database = Database(url, pool=1)
    try:
        async with database.session() as session:
            if await repository.count_services(session):
                raise BackupError("The service is running on this database: stop it first.")
            runs = await repository.count_all_runs(session)
    except SQLAlchemyError as error:
        raise BackupError(f"The database cannot be reached: {error}.") from error
    finally:
        await database.close()
    if runs and not replace:
        raise BackupError(
            f"The database holds {runs} runs, which a restore would replace: if it shall, give "
            "`--replace`."
        )


def _run(program: str, url: str, *arguments: str) -> None:
    parts = _parts(url)
    given = {variable: str(parts[name]) for name, variable in _VARIABLES.items() if name in parts}
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    result = subprocess.run(  # noqa: S603 - a program of the installed wheel, no shell
        [str(programs() / program), *arguments],
        env={**kept, **given, "PGAPPNAME": "gadwatch backup"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if result.returncode != 0:
        raise BackupError(f"{program} failed: {' '.join(result.stderr.split())[-500:]}")


def _parts(url: str) -> dict[str, object]:
    return dict(conninfo_to_dict(url.replace("postgresql+psycopg://", "postgresql://", 1)))
