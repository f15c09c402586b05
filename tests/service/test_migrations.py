import psycopg
import pytest
from alembic.script import ScriptDirectory

from gadwatch_service.store import migrate


def test_migrated_schema_equals_the_tables_of_the_code(database_url: str) -> None:
    assert migrate.differences(database_url) == []
    assert migrate.is_current(database_url)


def test_the_last_file_is_the_newest_revision() -> None:
    scripts = ScriptDirectory(str(migrate._folder()))
    assert scripts.get_heads() == [migrate.head_revision()]


def test_a_database_of_a_newer_version_is_left_alone(database_url: str) -> None:
    with psycopg.connect(database_url.replace("+psycopg", ""), autocommit=True) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(migrate.NewerSchemaError, match="9999"):
        migrate.upgrade(database_url)
