"""Random secrets and their stored form. Nothing here keeps a secret."""

import hashlib
import hmac
import secrets
from typing import Final

TOKEN_PREFIX: Final = "gw_"  # noqa: S105 - only what every token begins with
"""Lets secret scanners and people recognise a token."""

_SALT_BYTES: Final = 8
_RANDOM_BYTES: Final = 24
"""192 bits: far above what guessing over a network could reach."""


def new_token() -> str:
    """A bearer token, to be shown once."""
    return TOKEN_PREFIX + secrets.token_urlsafe(_RANDOM_BYTES)


def new_secret() -> str:
    """The value of a session cookie or of a one-time login code."""
    return secrets.token_urlsafe(_RANDOM_BYTES)


def new_id() -> str:
    """A public name for a token: 12 hex digits."""
    return secrets.token_hex(6)


def digest(secret: str, purpose: str = "") -> bytes:
    """What is stored of a secret: its SHA-256.

    Secrets of this size need no salt and no slow hash. ``purpose`` keeps one kind from passing
    for another.
    """
    return hashlib.sha256(f"{purpose}{secret}".encode()).digest()


def csrf_token_of(cookie: str) -> str:
    """A form token of a session: it can be made and checked only with the HttpOnly cookie.

    It is another one each time, so that the size of a compressed page does not give it away.
    """
    return _csrf_token(cookie, secrets.token_hex(_SALT_BYTES))


def is_csrf_token_of(cookie: str, token: str) -> bool:
    """Whether ``token`` was made by :func:`csrf_token_of`."""
    made = _csrf_token(cookie, token[: 2 * _SALT_BYTES])
    return hmac.compare_digest(token.encode(), made.encode())


def _csrf_token(cookie: str, salt: str) -> str:
    proof = hmac.new(cookie.encode(), f"gadwatch csrf {salt}".encode(), hashlib.sha256)
    return salt + proof.hexdigest()
