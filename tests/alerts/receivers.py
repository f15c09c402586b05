"""Real receivers on the loopback address, and what they have received."""

import asyncio
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Received:
    path: str
    headers: dict[str, str]
    body: bytes
    at: float

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Answer:
    status: int = 200
    body: str = "ok"
    headers: dict[str, str] = field(default_factory=dict)
    delay: float = 0.0


class Receiver:
    """An HTTP server that notes every request and answers as it is told."""

    def __init__(self) -> None:
        self.requests: list[Received] = []
        self.answer: Callable[[Received], Answer] = lambda _request: Answer()
        self.released = threading.Event()
        """Answers with a delay come early once this is set."""
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length", 0)))
                request = Received(
                    self.path,
                    {name.lower(): value for name, value in self.headers.items()},
                    body,
                    time.time(),
                )
                receiver.requests.append(request)
                answer = receiver.answer(request)
                if answer.delay:
                    receiver.released.wait(answer.delay)
                content = answer.body.encode()
                try:
                    self.send_response(answer.status)
                    for name, value in answer.headers.items():
                        self.send_header(name, value)
                    self.send_header("content-length", str(len(content)))
                    self.end_headers()
                    self.wfile.write(content)
                except OSError:
                    self.close_connection = True

            def log_message(self, *_args: object) -> None:
                pass

        self._server = _Server(("127.0.0.1", 0), Handler)
        self.port = self._server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}/hook/secret-part-of-url"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()

    def answers(self, status: int, body: str = "", **headers: str) -> None:
        """The same answer to everything from now on."""
        spelled = {name.replace("_", "-"): value for name, value in headers.items()}
        self.answer = lambda _request: Answer(status, body, spelled)

    @property
    def ids(self) -> list[str]:
        """The ``webhook-id`` of every request, in the order of arrival."""
        return [request.headers["webhook-id"] for request in self.requests]

    def close(self) -> None:
        self.released.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def handle_error(self, *_args: object) -> None:
        """A client that went away is part of some tests."""


async def eventually(condition: Callable[[], bool], deadline: float = 10.0) -> None:
    """Wait until something that happens elsewhere has happened."""
    async with asyncio.timeout(deadline):
        while not condition():  # noqa: ASYNC110 - other threads and processes set no event here
            await asyncio.sleep(0.01)


@contextmanager
def receiving() -> Iterator[Receiver]:
    """A receiver for the length of a block."""
    receiver = Receiver()
    try:
        yield receiver
    finally:
        receiver.close()
