import asyncio
from typing import Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MOST_HEAD_BYTES: Final = 64 * 1024
"""As much a client may send that is neither a whole head nor part of a body."""


class Connection(HttpToolsProtocol):
    """uvicorn's own, which waits for the rest of a request for ever and keeps all of its head.

    A stranger could hold any number of connections and fill the memory through one. Here a
    request has to be there in full after ``arrival_seconds``, and its head is bounded.
    """

    arrival_seconds = 120.0

    _timer: asyncio.TimerHandle | None = None
    _unused = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for the first request."""
        super().connection_made(transport)
        self._await_request()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no more."""
        self._end_waiting()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take bytes in; refuse them when they are not coming to an end."""
        self._unused += len(data)
        super().data_received(data)
        if self._unused > MOST_HEAD_BYTES and not self.transport.is_closing():
            self.send_400_response("The head of the request is too large.")

    def on_headers_complete(self) -> None:
        """The head is whole."""
        self._unused = 0
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """What came was of a body."""
        self._unused = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        """The request is there in full: its answer may take its time."""
        # Of a request that was refused early, only the next one's arrival ends the waiting.
        if not self.cycle.response_complete:
            self._end_waiting()
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """Wait for the next request, or for what is left of a refused one."""
        super().on_response_complete()
        if self.cycle.response_complete or self.cycle.more_body:
            self._await_request()

    def _await_request(self) -> None:
        self._end_waiting()
        self._timer = self.loop.call_later(self.arrival_seconds, self.timeout_keep_alive_handler)

    def _end_waiting(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
