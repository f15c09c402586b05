import time
from collections import OrderedDict
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy.ext.asyncio import AsyncSession

from gadwatch_service import metrics
from gadwatch_service.access import repository
from gadwatch_service.access.attempts import Attempts
from gadwatch_service.access.credentials import Credential
from gadwatch_service.access.errors import TooManyAttempts, Unauthenticated
from gadwatch_service.access.identity import SCOPES, Identity
from gadwatch_service.access.secrets import digest
from gadwatch_service.settings import Settings
from gadwatch_service.store.tables import Token

OpenSession = Callable[[], AbstractAsyncContextManager[AsyncSession]]
"""Opens a database session of its own transaction, committed at the end."""

_USE_GRAIN: Final = timedelta(minutes=5)
"""``last_used_at`` is exact to this: a write for every request would cost more than it tells."""

_CACHED: Final = 10_000

_WRONG_SECONDS: Final = 60.0
"""For so long a wrong token is wrong without another look, and is no further attempt."""


@dataclass(frozen=True, slots=True)
class _Known:
    identity: Identity
    until: float


class Authenticator:
    """Turns credentials into identities.

    A token found valid is believed for ``token_cache_seconds``, so that pushing steps costs no
    query more. Wrong ones are counted against their address, and an address with too many has to
    wait. One broken client behind a shared address must not lock out the others: the same wrong
    token over and over is one attempt a minute, and tokens that were valid before always pass.
    """

    def __init__(
        self,
        settings: Settings,
        open_session: OpenSession,
        now: Callable[[], datetime],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._keep = settings.token_cache_seconds
        self._open_session = open_session
        self._now = now
        self._monotonic = monotonic
        self._attempts = Attempts(settings.failed_logins_per_minute)
        self._known: OrderedDict[bytes, _Known] = OrderedDict()
        self._wrong: OrderedDict[bytes, float] = OrderedDict()

    async def identify(self, credential: Credential, address: str) -> Identity:
        """Who presents ``credential``.

        Raises :class:`Unauthenticated` when nobody does, :class:`TooManyAttempts` when
        ``address`` has sent too many wrong ones.
        """
        key = digest(credential.secret, _purpose(credential))
        known = self._known.get(key)
        moment = self._monotonic()
        if known is not None and known.until > moment and not self._expired(known.identity):
            return known.identity
        if known is None:
            if self._wrong.get(key, moment) > moment:
                metrics.authentication_failures.inc()
                raise _refusal(credential)
            self.refuse_if_blocked(address)
        identity = await self._look_up(credential, key)
        self._known.pop(key, None)
        if identity is None:
            self.note_failure(address)
            self._wrong.pop(key, None)
            self._wrong[key] = moment + _WRONG_SECONDS
            if len(self._wrong) > _CACHED:
                self._wrong.popitem(last=False)
            raise _refusal(credential)
        self._known[key] = _Known(identity, moment + self._keep)
        if len(self._known) > _CACHED:
            self._known.popitem(last=False)
        return identity

    def refuse_if_blocked(self, address: str) -> None:
        """Raise :class:`TooManyAttempts` when ``address`` has to wait."""
        wait = self._attempts.wait_seconds(address, self._monotonic())
        if wait > 0:
            raise TooManyAttempts(wait)

    def note_failure(self, address: str) -> None:
        """Count a wrong credential from ``address``."""
        metrics.authentication_failures.inc()
        self._attempts.failed(address, self._monotonic())

    def forget(self) -> None:
        """Check every token anew: some were revoked or changed."""
        for key, known in self._known.items():
            self._known[key] = _Known(known.identity, 0.0)

    async def _look_up(self, credential: Credential, key: bytes) -> Identity | None:
        now = self._now()
        async with self._open_session() as session:
            find = (
                repository.find_session_token
                if credential.kind == "session"
                else repository.find_valid_token
            )
            token = await find(session, key, now)
            if token is None:
                return None
            await repository.note_use(session, token.token_id, now, _USE_GRAIN)
            return identity_of(token)

    def _expired(self, identity: Identity) -> bool:
        return identity.expires_at is not None and identity.expires_at <= self._now()


def identity_of(token: Token) -> Identity:
    """The identity that a stored token stands for."""
    ends = [moment for moment in (token.expires_at, token.revoked_at) if moment is not None]
    return Identity(
        token_id=token.token_id,
        name=token.name,
        scopes=frozenset(scope for scope in SCOPES if scope in token.scopes),
        projects=None if token.projects is None else frozenset(token.projects),
        expires_at=min(ends, default=None),
    )


def _refusal(credential: Credential) -> Unauthenticated:
    return Unauthenticated(
        "The session has ended: log in again."
        if credential.kind == "session"
        else "The token is wrong, expired or revoked: ask for a new one."
    )


def _purpose(credential: Credential) -> str:
    return "" if credential.kind == "token" else "session:"
