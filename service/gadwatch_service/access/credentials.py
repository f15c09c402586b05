import base64
import binascii
from dataclasses import dataclass
from typing import Final, Literal

from starlette.requests import HTTPConnection

SESSION_COOKIE: Final = "gadwatch_session"


@dataclass(frozen=True, slots=True)
class Credential:
    """A secret as it came with a request, and the way it came."""

    kind: Literal["token", "session"]
    secret: str


def credential_of(connection: HTTPConnection) -> Credential | None:
    """The secret that a request presents, or None.

    ``Authorization: Bearer`` and the password of ``Authorization: Basic`` are tokens (clients of
    MLflow send either); the cookie is a browser's session. A header wins over a cookie.
    """
    header = connection.headers.get("authorization")
    if header is not None:
        scheme, _, rest = header.partition(" ")
        rest = rest.strip()
        match scheme.lower():
            case "bearer":
                return Credential("token", rest)
            case "basic":
                return Credential("token", _password_of(rest))
            case _:
                return Credential("token", "")
    cookie = connection.cookies.get(SESSION_COOKIE)
    return None if not cookie else Credential("session", cookie)


def _password_of(encoded: str) -> str:
    """The password of a basic credential; unreadable ones are an empty, hence wrong, one."""
    try:
        decoded = base64.b64decode(encoded, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError, ValueError):
        return ""
    return decoded.partition(":")[2]
