import gzip
import json
import select
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass
from http.client import HTTPException
from typing import Any
from urllib.parse import urlsplit

from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError
from urllib3.response import BaseHTTPResponse

from gadwatch_hooks.retry import parse_retry_after
from gadwatch_hooks.version import __version__

CONNECT_SECONDS = 2.0
SLICE_SECONDS = 0.1
"""How often a waiting request lets its caller do other work."""
LARGEST_ANSWER = 2**20
SMALLEST_GZIP = 1024


class ServiceAwayError(Exception):
    """The service could not be reached, or what answered was not the service."""


@dataclass(frozen=True)
class Reply:
    """An answer of the service; ``body`` is empty unless ``raw`` is a JSON object."""

    status: int
    body: dict[str, Any]
    retry_after: float | None
    raw: bytes = b""


class Transport:
    """One kept-alive connection to the service, for one thread.

    ``exchange`` waits in slices and calls ``meanwhile`` between them, so that the one worker
    thread can go on writing new steps to disk while a slow service makes it wait, and can be
    called off when the process has to end.
    """

    def __init__(
        self,
        url: str,
        token: str | None,
        *,
        largest_answer: int = LARGEST_ANSWER,
        compress: bool = True,
    ) -> None:
        parts = urlsplit(url)
        self._host = parts.hostname or ""
        self._port = parts.port
        self._tls = parts.scheme == "https"
        self._prefix = parts.path.rstrip("/") + "/api/v1"
        self._token = token
        self._connection: HTTPConnection | None = None
        self._largest_answer = largest_answer
        self._compress = compress
        self.url = url

    def exchange(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        *,
        timeout: float,
        meanwhile: Callable[[], bool] = lambda: True,
    ) -> Reply:
        """Send one request and return its answer.

        ``body`` is JSON; it is compressed when that pays, unless the transport was told not to.
        ``timeout`` is in seconds, for the whole exchange. ``meanwhile`` returns False to give up.

        Raises :class:`ServiceAwayError` when there is no answer in time or it is no HTTP.
        """
        deadline = time.monotonic() + timeout
        reused = self._connection is not None
        try:
            try:
                response = self._ask(method, path, body, deadline, meanwhile)
            except (OSError, HTTPException, HTTPError):
                self.close()
                if not reused or time.monotonic() >= deadline:
                    raise
                # The service may have closed an idle connection; a fresh one will tell.
                response = self._ask(method, path, body, deadline, meanwhile)
            raw = _read_all(response, deadline, self._largest_answer)
        except (OSError, HTTPException, HTTPError, ValueError) as error:
            self.close()
            raise ServiceAwayError(_describe(error)) from error
        return Reply(
            status=response.status,
            body=_json_object(raw),
            retry_after=parse_retry_after(response.headers.get("Retry-After"), time.time()),
            raw=raw,
        )

    def close(self) -> None:
        """Drop the connection."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _ask(
        self,
        method: str,
        path: str,
        body: bytes | None,
        deadline: float,
        meanwhile: Callable[[], bool],
    ) -> BaseHTTPResponse:
        connection = self._connection or self._connect(deadline)
        headers = {"Accept": "application/json", "User-Agent": f"gadwatch-hook/{__version__}"}
        if self._token:
            headers["Authorization"] = f"Bearer {self._token}"
        if body is not None:
            headers["Content-Type"] = "application/json"
            if self._compress and len(body) >= SMALLEST_GZIP:
                body = gzip.compress(body, compresslevel=1)
                headers["Content-Encoding"] = "gzip"
        connection.timeout = max(0.05, deadline - time.monotonic())
        connection.request(
            method, self._prefix + path, body=body, headers=headers, preload_content=False
        )
        while not _readable(connection, SLICE_SECONDS):
            if not meanwhile() or time.monotonic() >= deadline:
                raise TimeoutError("no answer in time")
        connection.timeout = max(0.05, deadline - time.monotonic())
        return connection.getresponse()

    def _connect(self, deadline: float) -> HTTPConnection:
        timeout = min(CONNECT_SECONDS, max(0.05, deadline - time.monotonic()))
        connection: HTTPConnection
        if self._tls:
            context = ssl.create_default_context()
            connection = HTTPSConnection(
                self._host, self._port, timeout=timeout, ssl_context=context
            )
        else:
            connection = HTTPConnection(self._host, self._port, timeout=timeout)
        connection.connect()
        self._connection = connection
        return connection


def _readable(connection: HTTPConnection, seconds: float) -> bool:
    """Whether an answer (or the connection's end) has begun to arrive."""
    sock = connection.sock
    if sock is None or (isinstance(sock, ssl.SSLSocket) and sock.pending()):
        return True
    if hasattr(select, "poll"):  # select() fails on descriptors above 1023
        poller = select.poll()
        poller.register(sock, select.POLLIN)
        return bool(poller.poll(seconds * 1000))
    return bool(select.select([sock], [], [], seconds)[0])


def _read_all(response: BaseHTTPResponse, deadline: float, largest: int) -> bytes:
    """The body, but neither without end in length nor in time."""
    raw = bytearray()
    while chunk := response.read1(65536):
        raw += chunk
        if len(raw) > largest:
            raise ValueError(f"the answer is longer than {largest} bytes")
        if time.monotonic() >= deadline:
            raise TimeoutError("no whole answer in time")
    response.release_conn()
    return bytes(raw)


def _json_object(raw: bytes) -> dict[str, Any]:
    try:
        body = json.loads(raw)
    except (ValueError, RecursionError):
        return {}
    return body if isinstance(body, dict) else {}


def _describe(error: Exception) -> str:
    """The failure in a few words; never the request, which carries the token."""
    return f"{type(error).__name__}: {str(error).rpartition(': ')[2]}"[:200]
