from functools import cache
from pathlib import Path
from typing import Any

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine

import gadwatch_service
from gadwatch_service.store.tables import Base


def upgrade(url: str) -> None:
    """Bring the database to the newest schema; safe when several processes do it at once."""
    command.upgrade(_config(url), "head")


def is_current(url: str) -> bool:
    """Whether the database has the newest schema."""
    return revision_of(url) == head_revision()


@cache
def head_revision() -> str | None:
    """The newest schema's revision."""
    return ScriptDirectory(str(_folder())).get_current_head()


def revision_of(url: str) -> str | None:
    """The schema's revision; None for an empty database."""
    engine = create_engine(url)
    try:
        with engine.connect() as connection:
            return MigrationContext.configure(connection).get_current_revision()
    finally:
        engine.dispose()


def differences(url: str) -> list[Any]:
    """What the database's schema lacks of, or has beyond, the tables of the code."""
    engine = create_engine(url)
    try:
        with engine.connect() as connection:
            context = MigrationContext.configure(connection, opts={"compare_type": True})
            return list(compare_metadata(context, Base.metadata))
    finally:
        engine.dispose()


def _config(url: str) -> Config:
    config = Config()
    config.set_main_option("script_location", str(_folder()))
    config.attributes["url"] = url
    return config


def _folder() -> Path:
    """The migrations inside the installed package, or beside it in a checkout."""
    package = Path(gadwatch_service.__file__).parent
    inside = package / "migrations"
    return inside if inside.is_dir() else package.parents[1] / "migrations"
