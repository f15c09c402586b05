from collections.abc import Iterable
from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from gadwatch_service.errors import problem_response
from gadwatch_service.settings import Settings


class HostGuard:
    """Refuses requests that name a host which is not ours.

    A page of any site can have its own name resolve to 127.0.0.1 and then talk to a local
    service as "same origin" (DNS rebinding). It cannot do so without a name of its own in
    ``Host``, so addresses and ``localhost`` always pass, and other names only when they are
    configured. On a reachable address without a configured name, any passes.
    """

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app = app
        self._names: Final = allowed_names(settings)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the request through or answer 421."""
        if scope["type"] == "http" and self._names is not None:
            host = Headers(scope=scope).get("host", "")
            if not _passes(host, self._names):
                refusal = problem_response(
                    421,
                    "Misdirected request",
                    "The service does not go by the name in `Host`: add it to "
                    "GADWATCH_ALLOWED_HOSTS.",
                )
                await refusal(scope, receive, send)
                return
        await self._app(scope, receive, send)


def allowed_names(settings: Settings) -> frozenset[str] | None:
    """The names that requests may use, besides addresses; None when any may."""
    names: Iterable[str] = settings.allowed_hosts
    if settings.public_url:
        names = (*names, urlsplit(settings.public_url).hostname or "")
    if not settings.on_loopback and (not names or "*" in names):
        return None
    return frozenset(name.lower() for name in names)


def _passes(host: str, names: frozenset[str]) -> bool:
    try:
        name = urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return False
    if name == "localhost" or name.endswith(".localhost") or name in names:
        return True
    try:
        ip_address(name)
    except ValueError:
        return False
    return True
