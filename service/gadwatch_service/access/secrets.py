"""Random secrets and their stored form. Nothing here keeps a secret."""

import hashlib
import hmac
import secrets
from typing import Final

TOKEN_PREFIX: Final = "gw_"  # noqa: S105 - only what every token begins with
"""Lets secret scanners and people recognise a token."""

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
    """The form token of a session: known only to who can read the HttpOnly cookie."""
    return hmac.new(cookie.encode(), b"gadwatch csrf", hashlib.sha256).hexdigest()
