import stat
from datetime import UTC, datetime
from pathlib import Path

import pytest

from gadwatch_service.access import repository, service
from gadwatch_service.access.owner import ensure_owner, read_owner_token
from gadwatch_service.access.secrets import digest, new_token
from gadwatch_service.settings import Settings, SettingsError
from gadwatch_service.store.database import Database

pytestmark = pytest.mark.anyio

NOW = datetime(2026, 1, 1, tzinfo=UTC)


async def _start(database: Database, settings: Settings) -> str | None:
    async with database.session() as session:
        return await ensure_owner(session, settings, NOW)


async def _is_valid(database: Database, secret: str) -> bool:
    async with database.session() as session:
        return await repository.find_valid_token(session, digest(secret), NOW) is not None


async def test_on_loopback_the_owner_gets_a_private_file_and_a_link(
    database: Database, tmp_path: Path
) -> None:
    settings = Settings(data_dir=tmp_path / "new")
    link = await _start(database, settings)
    assert link is not None
    assert link.startswith("/login?code=")
    assert stat.S_IMODE(settings.owner_token_path.stat().st_mode) == 0o600
    secret = read_owner_token(settings.owner_token_path)
    assert secret is not None
    assert await _is_valid(database, secret)
    assert secret not in link


async def test_later_starts_leave_the_owner_alone(database: Database, tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path)
    await _start(database, settings)
    secret = read_owner_token(settings.owner_token_path)
    assert await _start(database, settings) is None
    assert read_owner_token(settings.owner_token_path) == secret


async def test_a_lost_or_foreign_owner_file_is_made_anew(
    database: Database, tmp_path: Path
) -> None:
    settings = Settings(data_dir=tmp_path)
    settings.owner_token_path.write_text("gw_of-another-database")
    settings.owner_token_path.chmod(0o644)
    assert await _start(database, settings) is not None
    secret = read_owner_token(settings.owner_token_path)
    assert secret is not None
    assert await _is_valid(database, secret)
    assert stat.S_IMODE(settings.owner_token_path.stat().st_mode) == 0o600


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.5", "gadwatch.example.org"])
async def test_a_reachable_address_without_tokens_is_refused(
    database: Database, tmp_path: Path, host: str
) -> None:
    with pytest.raises(SettingsError, match="GADWATCH_BOOTSTRAP_TOKEN_FILE"):
        await _start(database, Settings(data_dir=tmp_path, host=host))
    assert not (tmp_path / "owner-token").exists()


async def test_a_reachable_address_with_an_admin_starts_and_writes_nothing(
    database: Database, tmp_path: Path
) -> None:
    await _start(database, Settings(data_dir=tmp_path / "first"))
    assert await _start(database, Settings(data_dir=tmp_path, host="0.0.0.0")) is None
    assert not (tmp_path / "owner-token").exists()


async def test_a_bootstrap_token_opens_a_reachable_service_and_stays_revoked(
    database: Database, tmp_path: Path
) -> None:
    secret = new_token()
    settings = Settings(data_dir=tmp_path, host="0.0.0.0", bootstrap_token=secret)
    await _start(database, settings)
    await _start(database, settings)
    assert await _is_valid(database, secret)
    async with database.session() as session:
        token = await repository.get_by_hash(session, digest(secret))
        assert token is not None
        await ensure_owner(session, Settings(data_dir=tmp_path), NOW)
        await service.revoke_token(session, token.token_id, NOW)
    await _start(database, settings)
    assert not await _is_valid(database, secret)
