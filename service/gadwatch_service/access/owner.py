"""Who may enter a new installation: nobody on a reachable address, its owner on loopback."""

import os
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Final

from sqlalchemy.ext.asyncio import AsyncSession

from gadwatch_service.access import repository
from gadwatch_service.access.schemas import NewToken
from gadwatch_service.access.secrets import digest, new_token
from gadwatch_service.access.service import issue_login_code, issue_token
from gadwatch_service.settings import Settings, SettingsError

_OWNER: Final = NewToken(name="owner", scopes=["admin"])


async def ensure_owner(session: AsyncSession, settings: Settings, now: datetime) -> str | None:
    """See to it that somebody can administer the service.

    1. A ``GADWATCH_BOOTSTRAP_TOKEN`` is stored when the database does not know it.
    2. On loopback, when the owner's file is missing or its token not valid, a new token is
       made and written, readable by this account alone.
    3. On a reachable address without any valid admin token: :class:`SettingsError`.

    Returns the path of a one-time login link when a token was made in step 2.
    """
    if settings.bootstrap_token is not None:
        await _store_bootstrap(session, settings.bootstrap_token, now)
    if settings.on_loopback:
        return await _ensure_owner_file(session, settings.owner_token_path, now)
    if not await repository.has_valid_admin(session, now):
        raise SettingsError(
            f"GADWATCH_HOST={settings.host} can be reached from other machines, but there is no "
            "token yet and no open mode: set GADWATCH_BOOTSTRAP_TOKEN_FILE to a file with a "
            "random token (32 characters or more), or start it once on 127.0.0.1, which makes "
            "the owner's."
        )
    return None


async def _store_bootstrap(session: AsyncSession, secret: str, now: datetime) -> None:
    known = await repository.get_by_hash(session, digest(secret))
    if known is None:
        await issue_token(session, _OWNER, "bootstrap", now, secret)


async def _ensure_owner_file(session: AsyncSession, path: Path, now: datetime) -> str | None:
    held = read_owner_token(path)
    if held is not None and await repository.find_valid_token(session, digest(held), now):
        return None
    secret = new_token()
    issued = await issue_token(session, _OWNER, "first start", now, secret)
    write_private(path, secret + "\n")
    return f"/login?code={await issue_login_code(session, issued.token.token_id, now)}"


def read_owner_token(path: Path) -> str | None:
    """The token in the owner's file, or None when there is none to read."""
    with suppress(OSError, UnicodeDecodeError):
        return path.read_text(encoding="ascii").strip() or None
    return None


def write_private(path: Path, text: str) -> None:
    """Write a file that only this account can read, in one step."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = path.with_name(f"{path.name}.{os.getpid()}.new")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(text)
    draft.replace(path)
