import re
from pathlib import Path

import pytest

from gadwatch_service.doctor import examine
from gadwatch_service.settings import Settings

pytestmark = pytest.mark.anyio


async def _levels(settings: Settings, **environment: str) -> dict[str, str]:
    found = await examine(settings, environment)
    worst = sorted(found, key=lambda one: ["ok", "warning", "error"].index(one.level))
    return {one.name: one.level for one in worst}


async def test_a_fresh_machine_is_in_order(tmp_path: Path) -> None:
    levels = await _levels(Settings(data_dir=tmp_path / "none"))
    assert set(levels.values()) == {"ok"}


async def test_a_migrated_database_is_in_order(settings: Settings) -> None:
    levels = await _levels(settings)
    assert {levels[name] for name in ("database", "schema", "clocks", "tokens")} == {"ok"}


async def test_a_misspelt_variable_is_found_and_corrected(tmp_path: Path) -> None:
    found = await examine(
        Settings(data_dir=tmp_path), {"GADWATCH_DATBASE_URL": "secret", "GADWATCH_URL": "x"}
    )
    (warning,) = [one for one in found if one.level == "warning"]
    assert "GADWATCH_DATBASE_URL" in warning.detail
    assert "GADWATCH_DATABASE_URL" in warning.detail
    assert "secret" not in warning.detail


async def test_a_readable_secret_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "owner-token").write_text("x")
    (tmp_path / "owner-token").chmod(0o644)
    assert (await _levels(Settings(data_dir=tmp_path)))["data folder"] == "error"


async def test_an_unreachable_database_is_an_error_without_its_password(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, database_url="postgresql://u:hunter2@127.0.0.1:1/x")
    found = await examine(settings, {})
    (error,) = [one for one in found if one.level == "error"]
    assert error.name == "database"
    assert "hunter2" not in error.detail


async def test_a_reachable_address_without_an_admin_is_an_error(settings: Settings) -> None:
    reachable = settings.model_copy(update={"host": "0.0.0.0"})
    assert (await _levels(reachable))["tokens"] == "error"


async def test_every_variable_of_the_hook_and_of_the_command_line_is_known(tmp_path: Path) -> None:
    root = Path(__file__).parents[2]
    page = (root / "docs" / "ways-in" / "hook.md").read_text("utf-8")
    names = set(re.findall(r"^\| `(GADWATCH_\w+)` \|", page, re.MULTILINE))
    for source in (root / "service" / "gadwatch_cli").glob("*.py"):
        names |= set(re.findall(r'envvar="(GADWATCH_\w+)"', source.read_text("utf-8")))
    assert {"GADWATCH_SPOOL_MB", "GADWATCH_ENDPOINT_SECRET"} <= names
    levels = await _levels(Settings(data_dir=tmp_path / "none"), **dict.fromkeys(names, "1"))
    assert levels["settings"] == "ok"
