from collections.abc import Iterable, Sequence
from typing import Final, cast
from urllib.parse import quote

from starlette.requests import Request

from gadwatch_service.access.authenticator import Authenticator
from gadwatch_service.access.browser import check_same_site
from gadwatch_service.access.credentials import credential_of
from gadwatch_service.access.errors import (
    Forbidden,
    LoginRequired,
    TooManyAttempts,
    Unauthenticated,
)
from gadwatch_service.access.identity import Identity, Scope


class Guard:
    """A dependency that lets through only identities holding one of ``scopes``."""

    def __init__(self, scopes: Iterable[Scope]) -> None:
        self.scopes: Final = tuple(scopes)

    async def __call__(self, request: Request) -> Identity:
        """Who asks; raises a 401, 403, 429 or, for people, a redirect to the login."""
        identity = await identify(request)
        credential = credential_of(request)
        if credential is not None and credential.kind == "session":
            await check_same_site(request, credential.secret)
        if not any(identity.may(scope) for scope in self.scopes):
            raise Forbidden(_refusal(identity, self.scopes))
        return identity


def requires(*scopes: Scope) -> Guard:
    """The guard of a route or router: ``Depends(requires("read"))``; any one scope suffices."""
    return Guard(scopes)


def current_identity(request: Request) -> Identity:
    """Who makes a guarded request."""
    return cast("Identity", request.state.identity)


async def identify(request: Request) -> Identity:
    """Find out who asks, once a request; what it may do is the guard's to say."""
    known: Identity | None = getattr(request.state, "identity", None)
    if known is not None:
        return known
    credential = credential_of(request)
    if credential is None:
        if _is_a_person_opening_a_page(request):
            raise LoginRequired(login_path(request))
        raise Unauthenticated("Send a token: `Authorization: Bearer gw_…`.")
    authenticator: Authenticator = request.app.state.authenticator
    try:
        identity = await authenticator.identify(credential, address_of(request))
    except Unauthenticated:
        if credential.kind == "session" and _is_a_person_opening_a_page(request):
            raise LoginRequired(login_path(request)) from None
        raise
    request.state.identity = identity
    return identity


async def is_still_valid(request: Request) -> bool:
    """Whether whoever was let in would be now; asked again, since tokens and sessions end."""
    credential = credential_of(request)
    authenticator: Authenticator = request.app.state.authenticator
    try:
        return credential is not None and bool(
            await authenticator.identify(credential, address_of(request))
        )
    except (Unauthenticated, TooManyAttempts):
        return False


def address_of(request: Request) -> str:
    """The address that attempts are counted against."""
    return request.client.host if request.client else "unknown"


def login_path(request: Request) -> str:
    """The login page that leads back to what was asked for."""
    target = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    return f"/login?next={quote(target, safe='')}"


def _refusal(identity: Identity, wanted: Sequence[Scope]) -> str:
    if any(scope in identity.scopes for scope in wanted):
        return (
            f"The token {identity.name!r} is limited to projects, and this reaches across all of "
            "them: use one that is not."
        )
    return (
        f"The token {identity.name!r} lacks the scope {' or '.join(wanted)}: use one that has it."
    )


def _is_a_person_opening_a_page(request: Request) -> bool:
    return request.method in {"GET", "HEAD"} and "text/html" in request.headers.get("accept", "")
