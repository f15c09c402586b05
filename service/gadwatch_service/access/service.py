from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy.ext.asyncio import AsyncSession

from gadwatch_service.access import repository
from gadwatch_service.access.schemas import NewToken
from gadwatch_service.access.secrets import digest, new_id, new_secret, new_token
from gadwatch_service.errors import Conflict, Invalid, NotFound
from gadwatch_service.store.tables import Session, Token

LOGIN_CODE_LIFE: Final = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class Issued:
    """A stored token and its secret, which is stored nowhere."""

    token: Token
    secret: str


async def issue_token(
    session: AsyncSession,
    wish: NewToken,
    created_by: str,
    now: datetime,
    secret: str | None = None,
) -> Issued:
    """Make a token; its secret is random unless given."""
    if wish.expires_at is not None and wish.expires_at <= now:
        raise Invalid("`expires_at` is past: give a moment to come.")
    secret = secret or new_token()
    token = Token(
        token_id=new_id(),
        name=wish.name,
        hash=digest(secret),
        scopes=sorted(set(wish.scopes)),
        projects=None if wish.projects is None else sorted(set(wish.projects)),
        created_at=now,
        created_by=created_by,
        expires_at=wish.expires_at,
        last_used_at=None,
        revoked_at=None,
    )
    session.add(token)
    await session.flush()
    return Issued(token, secret)


async def rotate_token(
    session: AsyncSession, token_id: str, overlap: timedelta, created_by: str, now: datetime
) -> Issued:
    """Replace a token by one with the same rights; the old one ends after ``overlap``.

    One that was replaced before, or ends by itself, ends no later for that.
    """
    old = await _valid_token(session, token_id, now)
    if old.expires_at is not None and old.expires_at <= now:
        raise NotFound(f"The token {token_id} has expired: make another one.")
    wish = NewToken.model_construct(
        name=old.name, scopes=old.scopes, projects=old.projects, expires_at=old.expires_at
    )
    issued = await issue_token(session, wish, created_by, now)
    old.revoked_at = min(now + overlap, old.revoked_at or now + overlap)
    if not overlap:
        await repository.drop_sessions_of(session, token_id)
    await session.flush()
    return issued


async def revoke_token(session: AsyncSession, token_id: str, now: datetime) -> None:
    """End a token and its browser sessions at once.

    The last one that may manage tokens stays: without it nobody could make another.
    """
    token = await _valid_token(session, token_id, now)
    token.revoked_at = now
    await session.flush()
    if "admin" in token.scopes and not await repository.has_valid_admin(session, now):
        raise Conflict("This is the last token that may manage tokens: make another one first.")
    await repository.drop_sessions_of(session, token_id)


async def open_browser_session(
    session: AsyncSession, token_id: str, life: timedelta, now: datetime
) -> str:
    """Log a browser in; the value for its cookie."""
    return await _add_session(session, token_id, "session:", now, now + life)


async def issue_login_code(session: AsyncSession, token_id: str, now: datetime) -> str:
    """A code that logs one browser in as ``token_id``, once, within 15 minutes."""
    return await _add_session(session, token_id, "login:", now, now + LOGIN_CODE_LIFE)


async def redeem_login_code(session: AsyncSession, code: str, now: datetime) -> str | None:
    """The token that a one-time code stands for; None when it was used or has expired."""
    return await repository.take_session(session, digest(code, "login:"), now)


async def close_browser_session(session: AsyncSession, cookie: str, now: datetime) -> None:
    """Log a browser out."""
    await repository.take_session(session, digest(cookie, "session:"), now)


async def _add_session(
    session: AsyncSession, token_id: str, purpose: str, now: datetime, until: datetime
) -> str:
    secret = new_secret()
    row = Session(hash=digest(secret, purpose), token_id=token_id, created_at=now, expires_at=until)
    await repository.add_session(session, row)
    return secret


async def _valid_token(session: AsyncSession, token_id: str, now: datetime) -> Token:
    token = await repository.get_token(session, token_id)
    if token is None or (token.revoked_at is not None and token.revoked_at <= now):
        raise NotFound(f"There is no valid token {token_id}.")
    return token
