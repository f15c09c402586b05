"""The SQL of tokens and browser sessions."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, delete, exists, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from gadwatch_service.store.tables import Session, Token


def _valid(now: datetime) -> tuple[ColumnElement[bool], ...]:
    return (
        or_(Token.revoked_at.is_(None), Token.revoked_at > now),
        or_(Token.expires_at.is_(None), Token.expires_at > now),
    )


async def find_valid_token(session: AsyncSession, digest: bytes, now: datetime) -> Token | None:
    """The unrevoked, unexpired token with this SHA-256."""
    statement = select(Token).where(Token.hash == digest, *_valid(now))
    return (await session.execute(statement)).scalar_one_or_none()


async def find_session_token(session: AsyncSession, digest: bytes, now: datetime) -> Token | None:
    """The valid token behind an unexpired browser session."""
    statement = (
        select(Token)
        .join(Session, Session.token_id == Token.token_id)
        .where(Session.hash == digest, Session.expires_at > now, *_valid(now))
    )
    return (await session.execute(statement)).scalar_one_or_none()


async def get_token(session: AsyncSession, token_id: str) -> Token | None:
    """A token by its public name, valid or not."""
    return await session.get(Token, token_id)


async def get_by_hash(session: AsyncSession, digest: bytes) -> Token | None:
    """A token by its SHA-256, valid or not."""
    return (await session.execute(select(Token).where(Token.hash == digest))).scalar_one_or_none()


async def list_tokens(session: AsyncSession, after: str, limit: int) -> Sequence[Token]:
    """Tokens in the order of their public names, from the one behind ``after``."""
    statement = select(Token).where(Token.token_id > after).order_by(Token.token_id).limit(limit)
    return (await session.execute(statement)).scalars().all()


async def has_valid_admin(session: AsyncSession, now: datetime) -> bool:
    """Whether anybody could administer the service."""
    statement = select(
        exists().where(Token.scopes.contains(["admin"]), Token.projects.is_(None), *_valid(now))
    )
    return bool((await session.execute(statement)).scalar_one())


async def note_use(session: AsyncSession, token_id: str, now: datetime, grain: timedelta) -> None:
    """Record that a token was used, unless that was recorded less than ``grain`` ago."""
    await session.execute(
        update(Token)
        .where(
            Token.token_id == token_id,
            or_(Token.last_used_at.is_(None), Token.last_used_at < now - grain),
        )
        .values(last_used_at=now)
    )


async def add_session(session: AsyncSession, row: Session) -> None:
    """Store a browser session or a one-time login code, and drop the expired ones."""
    await session.execute(delete(Session).where(Session.expires_at <= row.created_at))
    session.add(row)
    await session.flush()


async def take_session(session: AsyncSession, digest: bytes, now: datetime) -> str | None:
    """Remove a session or login code; the token it stood for when it had not expired."""
    statement = delete(Session).where(Session.hash == digest).returning(Session)
    row = (await session.execute(statement)).scalar_one_or_none()
    return None if row is None or row.expires_at <= now else row.token_id


async def drop_sessions_of(session: AsyncSession, token_id: str) -> None:
    """Log out every browser that a token had logged in."""
    await session.execute(delete(Session).where(Session.token_id == token_id))
