"""A service on loopback that takes what the hook sends and remembers it."""

import gzip
import json
import math
import subprocess
import threading
from collections import defaultdict
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

Script = Callable[..., "subprocess.CompletedProcess[str]"]

NAMES = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}


class Receiver:
    """``url`` to push to; ``runs`` by id with what they were created, pushed and ended with."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, str, dict[str, Any]]] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def created(self) -> list[dict[str, Any]]:
        return [body for method, path, body in self.calls if (method, path) == ("POST", "/runs")]

    @property
    def ends(self) -> list[str]:
        return [body["status"] for _, path, body in self.calls if path.endswith("/finish")]

    @property
    def stages(self) -> list[str]:
        return [body["stage"] for _, path, body in self.calls if path.endswith("/stage")]

    def patches(self, name: str) -> list[Any]:
        return [body[name] for method, _, body in self.calls if method == "PATCH" and name in body]

    def told_of(self, name: str) -> tuple[list[int], list[str]]:
        """The steps of the runs of this name, in the order in which they came, and their ends."""
        paths = {f"/runs/{run['id']}" for run in self.created if run["name"] == name}
        calls = [(path, body) for _, path, body in self.calls if path.rpartition("/")[0] in paths]
        batches = [body["steps"] for path, body in calls if path.endswith("/steps")]
        steps = dict.fromkeys(step["step"] for batch in batches for step in batch)
        return list(steps), [body["status"] for path, body in calls if path.endswith("/finish")]

    @property
    def steps(self) -> dict[int, dict[str, float]]:
        merged: dict[int, dict[str, float]] = defaultdict(dict)
        for _, path, body in self.calls:
            for step in body["steps"] if path.endswith("/steps") else []:
                values = {k: NAMES.get(v, v) for k, v in step["metrics"].items()}
                merged[step["step"]].update(values)
        return dict(merged)


def _handler(receiver: Receiver) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _answer(self) -> None:
            raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            if self.headers.get("Content-Encoding") == "gzip":
                raw = gzip.decompress(raw)
            body = json.loads(raw or b"{}")
            path = self.path.removeprefix("/api/v1")
            receiver.calls.append((self.command, path, body))
            run_id = body.get("id") or path.strip("/").partition("/")[2].partition("/")[0]
            reply = {"id": run_id, "last_step": None, "accepted": len(body.get("steps", []))}
            data = json.dumps(reply).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = do_PATCH = _answer  # noqa: N815

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            pass

    return Handler
