"""A real HTTP server that answers like the service, or badly, as a test wants."""

import gzip
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class FakeService:
    """What was asked, and how to answer: ``mode`` is ``ok``, a status, or a kind of trouble."""

    def __init__(self, port: int = 0) -> None:
        self.mode: str | int = "ok"
        self.headers: dict[str, str] = {}
        self.requests: list[tuple[str, str, dict[str, Any]]] = []
        self.tokens: set[str | None] = set()
        self.known_runs: set[str] = set()
        self.last_step: int | None = None
        self.verdict = "insufficient_data"
        self.poison: int | None = None
        """A step that is refused with 422."""
        self.answers: dict[str, Any] = {}
        """Fixed answers for GET, by path without query: an object, or bytes."""
        self.released = threading.Event()
        """Ends hanging answers."""
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", port), _handler(self))
        self._server.daemon_threads = True
        self.port = int(self._server.server_address[1])
        self.url = f"http://127.0.0.1:{self.port}"
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True
        )
        self._thread.start()

    def steps(self, run: str | None = None) -> list[int]:
        """The steps that were taken, in the order in which they came."""
        return [
            step["step"]
            for method, path, body in self.requests
            if method == "POST" and path.endswith("/steps") and (run is None or f"/{run}/" in path)
            for step in body["steps"]
        ]

    def values(self, metric: str) -> list[Any]:
        """The values of one metric, in the order in which they came."""
        return [
            step["metrics"][metric]
            for _, path, body in self.requests
            if path.endswith("/steps")
            for step in body["steps"]
            if metric in step["metrics"]
        ]

    def bodies(self, suffix: str) -> list[dict[str, Any]]:
        """The bodies of requests to paths that end so."""
        return [
            body
            for method, path, body in self.requests
            if path.endswith(suffix) and method != "GET"
        ]

    def statuses(self) -> list[str]:
        return [body["status"] for body in self.bodies("/finish")]

    def close(self) -> None:
        self.released.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def answer(self, method: str, path: str, body: dict[str, Any]) -> tuple[int, Any]:
        with self._lock:
            path, _, query = path.partition("?")
            if method == "GET":
                known = self.answers.get(f"{path}?{query}", self.answers.get(path))
                return (200, known) if known is not None else (404, {"detail": "no such thing"})
            run = path.removeprefix("/api/v1/runs").strip("/").split("/")[0]
            if run and run not in self.known_runs:
                return 404, {"detail": f"there is no run {run}"}
            if self.poison is not None and any(
                step["step"] == self.poison for step in body.get("steps", [])
            ):
                return 422, {"detail": f"Step {self.poison} is bad"}
            self.requests.append((method, path, body))
            if not run:
                created = body["id"] not in self.known_runs
                self.known_runs.add(body["id"])
                return 201, {"id": body["id"], "created": created, "last_step": self.last_step}
            verdict = {"verdict": self.verdict, "since_step": None, "first_ready_step": None}
            return 200, {"accepted": len(body.get("steps", [])), "health": "ok", "verdict": verdict}


def _handler(service: FakeService) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_any(self) -> None:
            raw = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            if self.headers.get("Content-Encoding") == "gzip":
                raw = gzip.decompress(raw)
            service.tokens.add(self.headers.get("Authorization"))
            mode = service.mode
            if mode == "hang":
                service.released.wait()
                self.close_connection = True
            elif mode == "slam":
                self.close_connection = True
            elif mode == "garbage":
                self.wfile.write(b"\x00\x01 this is no HTTP \xff\r\n\r\n")
                self.close_connection = True
            elif mode == "drip":
                self.send_response(200)
                self.end_headers()
                while not service.released.wait(0.02):
                    self.wfile.write(b" ")
            elif mode == "html":
                self._send(200, b"<html>log in to the hotel network</html>")
            elif isinstance(mode, int):
                self._send(mode, b'{"detail": "as the test wants"}')
            else:
                status, answer = service.answer(self.command, self.path, json.loads(raw or b"{}"))
                self._send(
                    status, answer if isinstance(answer, bytes) else json.dumps(answer).encode()
                )

        do_GET = do_POST = do_PATCH = handle_any  # noqa: N815

        def handle(self) -> None:
            try:
                super().handle()
            except OSError:
                self.close_connection = True

        def _send(self, status: int, body: bytes) -> None:
            self.send_response(status)
            for name, value in service.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Keep the test's output clean."""

    return Handler


@contextmanager
def running(port: int = 0) -> Iterator[FakeService]:
    service = FakeService(port)
    try:
        yield service
    finally:
        service.close()
