"""`gadwatch db` on a machine without a running service."""

from pathlib import Path

import pytest
from tests.cli.running import gadwatch

from gadwatch_service.operation.backup import backup


@pytest.mark.parametrize("command", [("check",), ("backup", "monday.dump")])
def test_a_database_that_is_not_there_is_not_made_to_be_looked_at(
    command: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GADWATCH_DATA_DIR", str(tmp_path / "elsewhere"))
    outcome = gadwatch("db", *command)
    assert outcome.code == 2
    assert "GADWATCH_DATA_DIR" in outcome.err
    assert list(tmp_path.iterdir()) == []


def test_a_backup_goes_into_a_folder_without_a_database(
    database_url: str, tmp_path: Path, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    backup(database_url, tmp_path / "monday.dump")
    monkeypatch.setenv("GADWATCH_DATA_DIR", str(data_dir))
    restored = gadwatch("db", "restore", str(tmp_path / "monday.dump"))
    assert restored.code == 0, restored.err
    assert gadwatch("db", "check").code == 0
