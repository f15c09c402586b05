"""The schema's way to the newest revision.

Alembic is imported only when there is something to do: it would cost every start a tenth of its
time.
"""

from functools import cache
from pathlib import Path
from typing import Any

import psycopg
from sqlalchemy import create_engine

import gadwatch_service
from gadwatch_service.store.tables import Base


class NewerSchemaError(RuntimeError):
    """A newer version has been at the database; this one does not know what it left."""


def upgrade(url: str) -> None:
    """Bring the database to the newest schema; safe when several processes do it at once.

    Raises :class:`NewerSchemaError`.
    """
    revision = revision_of(url)
    if revision == head_revision():
        return
    if revision is not None and revision > head_revision():
        raise NewerSchemaError(
            f"the database has the schema {revision} and this version knows none after "
            f"{head_revision()}: install the newer version again, or restore a backup from before "
            "it was installed"
        )
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_folder()))
    config.attributes["url"] = url
    command.upgrade(config, "head")


def is_current(url: str) -> bool:
    """Whether the database has the newest schema."""
    return revision_of(url) == head_revision()


@cache
def head_revision() -> str:
    """The newest schema's revision: the number that the last file's name begins with."""
    return max(file.name.partition("_")[0] for file in (_folder() / "versions").glob("*_*.py"))


def revision_of(url: str) -> str | None:
    """The schema's revision; None for an empty database."""
    with psycopg.connect(url.replace("+psycopg", "", 1)) as connection:
        try:
            row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
        except psycopg.errors.UndefinedTable:
            return None
    return row[0] if row else None


def differences(url: str) -> list[Any]:
    """What the database's schema lacks of, or has beyond, the tables of the code."""
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    engine = create_engine(url)
    try:
        with engine.connect() as connection:
            context = MigrationContext.configure(connection, opts={"compare_type": True})
            return list(compare_metadata(context, Base.metadata))
    finally:
        engine.dispose()


def _folder() -> Path:
    """The migrations inside the installed package, or beside it in a checkout."""
    package = Path(gadwatch_service.__file__).parent
    inside = package / "migrations"
    return inside if inside.is_dir() else package.parents[1] / "migrations"
