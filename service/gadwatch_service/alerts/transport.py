"""HTTP for alerts: every address checked, the connection pinned to the checked one.

No redirects, no cookies, no proxy from the environment: the pool underneath knows none of them.
"""

import asyncio
import socket
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Self

import httpcore2

from gadwatch_service.alerts.address import (
    Network,
    RefusedAddressError,
    check_addresses,
    check_literal,
    check_url,
)
from gadwatch_service.alerts.outcome import Reply

_CONNECT_S: Final = 5.0
_READ_S: Final = 10.0
_WHOLE_S: Final = 15.0
_MOST_REPLY_BYTES: Final = 16 * 1024


class NoReplyError(Exception):
    """The receiver could not be reached or did not answer in time; a later try may succeed."""


@dataclass(frozen=True, slots=True)
class Request:
    """A POST that an adapter wants sent."""

    url: str = field(repr=False)
    body: bytes = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)


class Transport:
    """Sends requests; an async context manager that owns its connections."""

    def __init__(self, allowed: Sequence[Network] = ()) -> None:
        self._allowed = allowed
        self._pool = httpcore2.AsyncConnectionPool(
            max_connections=None,
            max_keepalive_connections=20,
            keepalive_expiry=15.0,
            network_backend=_CheckedBackend(allowed),
        )

    def check(self, url: str) -> None:
        """Raise ``ValueError`` for an address that could never be sent to."""
        try:
            check_literal(check_url(url), self._allowed)
        except RefusedAddressError as error:
            raise ValueError(str(error)) from None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._pool.aclose()

    async def post(self, request: Request) -> Reply:
        """Send once and read at most 16 KiB of the reply.

        Raises :class:`NoReplyError` for network trouble and :class:`RefusedAddressError`.
        """
        try:
            async with asyncio.timeout(_WHOLE_S):
                return await self._post(request)
        except TimeoutError:
            raise NoReplyError(f"no answer within {_WHOLE_S:.0f} s") from None
        except (httpcore2.NetworkError, httpcore2.TimeoutException) as error:
            raise NoReplyError(_describe(error)) from None
        except httpcore2.ProtocolError as error:
            raise NoReplyError(f"the receiver does not speak HTTP: {error}") from None

    async def _post(self, request: Request) -> Reply:
        headers = {"user-agent": "gadwatch", "content-type": "application/json"}
        headers.update(request.headers)
        timeouts = {"connect": _CONNECT_S, "read": _READ_S, "write": _READ_S, "pool": _CONNECT_S}
        async with self._pool.stream(
            "POST",
            request.url,
            headers=list(headers.items()),
            content=request.body,
            extensions={"timeout": timeouts},
        ) as response:
            body = b""
            async for part in response.aiter_stream():
                body += part
                if len(body) > _MOST_REPLY_BYTES:
                    break
            names = {
                name.decode("latin-1").lower(): value.decode("latin-1")
                for name, value in response.headers
            }
            return Reply(
                response.status, body[:_MOST_REPLY_BYTES].decode("utf-8", "replace"), names
            )


def _describe(error: Exception) -> str:
    cause = error.__cause__ or error.__context__
    text = str(error) or (str(cause) if cause is not None else "")
    return f"{type(error).__name__}: {text}".removesuffix(": ")


class _CheckedBackend(httpcore2.AsyncNetworkBackend):
    """Resolves a host once, checks all its addresses, connects to one of exactly those."""

    def __init__(self, allowed: Sequence[Network]) -> None:
        self._allowed = allowed
        self._plain = httpcore2.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - the base class's signature
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        addresses = await resolve(host, port)
        check_addresses(host, addresses, self._allowed)
        failure: Exception = httpcore2.ConnectError(f"{host} has no address")
        for address in addresses[:3]:
            try:
                return await self._plain.connect_tcp(
                    address, port, timeout, local_address, socket_options
                )
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout) as error:
                failure = error
        raise failure


async def resolve(host: str, port: int) -> list[str]:
    """Every address of a host, in the resolver's order; httpcore's error when there is none."""
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(_CONNECT_S):
            found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except TimeoutError:
        raise httpcore2.ConnectTimeout(f"{host} could not be looked up in time") from None
    except (OSError, UnicodeError) as error:
        raise httpcore2.ConnectError(f"{host} could not be looked up: {error}") from None
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


__all__ = ["NoReplyError", "RefusedAddressError", "Reply", "Request", "Transport", "resolve"]
