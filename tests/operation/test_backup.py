import stat
from pathlib import Path

import psycopg
import pytest

from gadwatch_service.operation.backup import BackupError, backup, restore
from gadwatch_service.store import migrate
from gadwatch_service.store.embedded import EmbeddedPostgres


def _execute(url: str, statement: str) -> list[tuple[object, ...]]:
    address = url.replace("+psycopg", "")
    with psycopg.connect(address, autocommit=True) as connection:
        cursor = connection.execute(statement)  # type: ignore[call-overload]
        return list(cursor.fetchall()) if cursor.description else []


def _add_step(url: str, step: int) -> None:
    _execute(
        url,
        "INSERT INTO tail (run_id, attempt, step, time, values)"
        f" VALUES ('warmup-7', 1, {step}, now(), '{{NaN,0.25,Infinity,NULL}}')",
    )


def test_a_restored_backup_is_the_database_as_it_was(database_url: str, tmp_path: Path) -> None:
    for step in range(300):
        _add_step(database_url, step)
    before = _execute(database_url, "SELECT * FROM tail ORDER BY step")
    size = backup(database_url, tmp_path / "monday.dump")
    assert size > 1000
    assert stat.S_IMODE((tmp_path / "monday.dump").stat().st_mode) == 0o600
    _execute(database_url, "DELETE FROM tail WHERE step > 10")
    _add_step(database_url, 999)
    restore(database_url, tmp_path / "monday.dump")
    assert repr(_execute(database_url, "SELECT * FROM tail ORDER BY step")) == repr(before)
    assert migrate.differences(database_url) == []


def test_a_backup_restores_into_an_empty_database(
    database_url: str, embedded: EmbeddedPostgres, tmp_path: Path
) -> None:
    _add_step(database_url, 1)
    backup(database_url, tmp_path / "a.dump")
    name = database_url.partition("@/")[2].partition("?")[0] + "_copy"
    _execute(embedded.url("postgres"), f"CREATE DATABASE {name}")
    try:
        restore(embedded.url(name), tmp_path / "a.dump")
        assert _execute(embedded.url(name), "SELECT step FROM tail") == [(1,)]
        assert migrate.is_current(embedded.url(name))
    finally:
        _execute(embedded.url("postgres"), f"DROP DATABASE {name} WITH (FORCE)")


def test_a_backup_replaces_no_file_and_leaves_no_half_one(
    database_url: str, tmp_path: Path
) -> None:
    (tmp_path / "a.dump").write_text("precious")
    with pytest.raises(BackupError, match="exists already"):
        backup(database_url, tmp_path / "a.dump")
    with pytest.raises(BackupError, match="pg_dump failed"):
        backup("postgresql+psycopg://u:hunter2@127.0.0.1:1/x", tmp_path / "b.dump")
    with pytest.raises(BackupError, match="cannot be written"):
        backup(database_url, tmp_path / "nowhere" / "c.dump")
    assert [path.name for path in tmp_path.iterdir()] == ["a.dump"]


def test_a_broken_backup_changes_nothing(database_url: str, tmp_path: Path) -> None:
    _add_step(database_url, 1)
    size = backup(database_url, tmp_path / "a.dump")
    whole = (tmp_path / "a.dump").read_bytes()
    (tmp_path / "half.dump").write_bytes(whole[: size * 2 // 3])
    (tmp_path / "junk.dump").write_bytes(b"junk")
    for name in ("half.dump", "junk.dump", "absent.dump"):
        with pytest.raises(BackupError):
            restore(database_url, tmp_path / name)
    assert _execute(database_url, "SELECT step FROM tail") == [(1,)]


def test_runs_are_replaced_only_when_that_is_said(database_url: str, tmp_path: Path) -> None:
    backup(database_url, tmp_path / "empty.dump")
    _execute(
        database_url,
        "INSERT INTO runs (run_id, project, name, created_at, created_by, config, tags, source,"
        " overrides, metrics, percent)"
        " VALUES ('a', 'p', 'a', now(), 'x', '{}', '{}', 'api', '{}', '{}', '{}')",
    )
    with pytest.raises(BackupError, match="holds 1 runs"):
        restore(database_url, tmp_path / "empty.dump")
    restore(database_url, tmp_path / "empty.dump", replace=True)
    assert _execute(database_url, "SELECT run_id FROM runs") == []


def test_a_running_service_is_in_the_way(database_url: str, tmp_path: Path) -> None:
    backup(database_url, tmp_path / "a.dump")
    address = database_url.replace("+psycopg", "")
    with (
        psycopg.connect(address, application_name="gadwatch"),
        pytest.raises(BackupError, match="stop it first"),
    ):
        restore(database_url, tmp_path / "a.dump")


def test_the_password_is_in_no_argument(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import subprocess

    seen: list[list[str]] = []

    def run(arguments: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        seen.append(arguments)
        return subprocess.CompletedProcess(arguments, 1, "", "no")

    monkeypatch.setattr(subprocess, "run", run)
    with pytest.raises(BackupError):
        backup("postgresql+psycopg://u:hunter2@h/x", tmp_path / "a")
    assert seen
    assert "hunter2" not in str(seen)
