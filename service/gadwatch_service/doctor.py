"""Looks an installation over and says what is wrong and what to do; changes nothing."""

import difflib
import shutil
import stat
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Literal

from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession

from gadwatch_service.access.repository import has_valid_admin
from gadwatch_service.operation import repository
from gadwatch_service.settings import PREFIX, Settings, variable_of
from gadwatch_service.store.database import Database
from gadwatch_service.store.embedded import EmbeddedError, EmbeddedPostgres
from gadwatch_service.store.migrate import head_revision

Level = Literal["ok", "warning", "error"]

_HOOK_VARIABLES: Final = frozenset(
    f"{PREFIX}{name}"
    for name in (
        "URL",
        "TOKEN",
        "PROJECT",
        "RUN_ID",
        "ENDPOINT_SECRET",
        "MODE",
        "DATA_DIR",
        "SPOOL_DIR",
        "SPOOL_MB",
        "INIT_SECONDS",
        "FINISH_SECONDS",
        "TEST_DATA",
    )
)
"""Read by the hook and the command line, not by the service."""

_OLDEST_POSTGRES: Final = 140_000
_FREE_BYTES: Final = 2**30
_CLOCK_SECONDS: Final = 5.0


@dataclass(frozen=True, slots=True)
class Examined:
    """One thing that was looked at."""

    name: str
    level: Level
    detail: str


async def examine(settings: Settings, environment: Mapping[str, str]) -> list[Examined]:
    """Everything at once: variables, data folder, disk, database, schema, tokens, clocks."""
    return [
        *_variables(environment),
        *_data_folder(settings),
        *await _database(settings),
    ]


def _variables(environment: Mapping[str, str]) -> Iterator[Examined]:
    known = {variable_of(name) for name in Settings.model_fields}
    known |= {f"{name}_FILE" for name in known} | _HOOK_VARIABLES
    unknown = sorted(name for name in environment if name.startswith(PREFIX) and name not in known)
    for name in unknown:
        near = difflib.get_close_matches(name, known, n=1)
        meant = f"; is {near[0]} meant?" if near else ""
        yield Examined("settings", "warning", f"{name} is not read by anything{meant}")
    if not unknown:
        yield Examined("settings", "ok", "every GADWATCH_ variable is known")


def _data_folder(settings: Settings) -> Iterator[Examined]:
    folder = settings.data_dir
    if not folder.exists():
        yield Examined("data folder", "ok", f"{folder} will be made at the first start")
        return
    for name in ("owner-token", "secret-key"):
        yield from _private(folder / name)
    free = shutil.disk_usage(folder).free
    level: Level = "ok" if free >= _FREE_BYTES else "warning"
    yield Examined("disk", level, f"{free / 2**30:.1f} GiB free under {folder}")


def _private(path: Path) -> Iterator[Examined]:
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
    except FileNotFoundError:
        return
    except OSError as error:
        yield Examined("data folder", "error", f"{path}: {error.strerror}")
        return
    if mode & 0o077:
        yield Examined("data folder", "error", f"others can read {path}: chmod 600 it")
    else:
        yield Examined("data folder", "ok", f"{path.name} is private")


async def _database(settings: Settings) -> list[Examined]:
    if settings.database_url is not None:
        return await _server(settings.database_url, settings)
    if not (settings.data_dir / "postgres" / "PG_VERSION").exists():
        return [Examined("database", "ok", "an embedded one will be made at the first start")]
    try:
        with EmbeddedPostgres(settings.data_dir) as embedded:
            return await _server(embedded.url(), settings)
    except EmbeddedError as error:
        return [Examined("database", "error", str(error))]


async def _server(url: str, settings: Settings) -> list[Examined]:
    database = Database(url, pool=1)
    try:
        async with database.session() as session:
            return [one async for one in _look_into(session, settings)]
    except SQLAlchemyError as error:
        cause = " ".join(str(getattr(error, "orig", None) or error).split())
        return [Examined("database", "error", f"cannot be used: {cause}")]
    finally:
        await database.close()


async def _look_into(session: AsyncSession, settings: Settings) -> AsyncIterator[Examined]:
    version = await repository.server_version(session)
    level: Level = "ok" if version >= _OLDEST_POSTGRES else "error"
    yield Examined("database", level, f"Postgres {version // 10_000}; 14 or newer is needed")
    now = datetime.now(UTC)
    apart = abs((now - await repository.database_clock(session)).total_seconds())
    level = "ok" if apart < _CLOCK_SECONDS else "warning"
    yield Examined("clocks", level, f"{apart:.1f} s between this machine and the database")
    revision = await repository.schema_revision(session)
    if revision != head_revision():
        found = "empty" if revision is None else f"at {revision}, not {head_revision()}"
        yield Examined("schema", "ok", f"{found}; the next start brings it up to date")
        return
    yield Examined("schema", "ok", f"current ({revision})")
    if await has_valid_admin(session, now):
        yield Examined("tokens", "ok", "somebody can administer the service")
    elif settings.on_loopback:
        yield Examined("tokens", "ok", "the owner's is made at the next start")
    else:
        yield Examined(
            "tokens",
            "error",
            "nobody can administer the service: set GADWATCH_BOOTSTRAP_TOKEN_FILE or start it once "
            "on 127.0.0.1",
        )
