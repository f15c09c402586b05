from alembic.script import ScriptDirectory

from gadwatch_service.store import migrate


def test_migrated_schema_equals_the_tables_of_the_code(database_url: str) -> None:
    assert migrate.differences(database_url) == []
    assert migrate.is_current(database_url)


def test_the_last_file_is_the_newest_revision() -> None:
    scripts = ScriptDirectory(str(migrate._folder()))
    assert scripts.get_heads() == [migrate.head_revision()]
