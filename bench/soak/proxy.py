"""Stands between hooks and service: cuts the network, loses replies, notes acknowledgements."""

import gzip
import http.client
import json
import random
import re
import threading
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import zstandard

_STEPS = re.compile(r"/api/v1/runs/([^/]+)/steps")


@dataclass
class Acknowledged:
    """What the service answered 200 to: (session, step) of every run."""

    steps: dict[str, set[tuple[str, int]]] = field(default_factory=dict)
    repeated: int = 0
    """Steps acknowledged more than once: pushed again after a lost reply."""


class Proxy:
    """An HTTP proxy for one service, on a port of its own."""

    def __init__(self, port: int) -> None:
        self.acknowledged = Acknowledged()
        self.cut = False
        """No request goes through."""
        self.lose = 0.0
        """The chance that a reply is lost after the service has sent it."""
        self._lock = threading.Lock()
        self._upstream = port
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_any(self) -> None:
                proxy.forward(self)

            do_GET = do_POST = do_PATCH = handle_any  # noqa: N815 - the base class's names

            def log_message(self, *_: object) -> None:
                """Silent."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def forward(self, handler: BaseHTTPRequestHandler) -> None:
        """Pass one request on, or behave as a broken network does."""
        body = handler.rfile.read(int(handler.headers.get("content-length", 0)))
        handler.close_connection = True
        if self.cut:
            return
        upstream = http.client.HTTPConnection("127.0.0.1", self._upstream, timeout=300)
        try:
            headers = {k: v for k, v in handler.headers.items() if k.lower() != "connection"}
            upstream.request(handler.command, handler.path, body, headers)
            answer = upstream.getresponse()
            content = answer.read()
        except (OSError, http.client.HTTPException):
            return
        finally:
            upstream.close()
        match = _STEPS.fullmatch(handler.path)
        if match and answer.status == 200:
            self._note(match[1], _inflate(body, handler.headers.get("content-encoding", "")))
        if random.random() < self.lose:
            return
        with suppress(OSError):
            handler.send_response(answer.status)
            for name, value in answer.getheaders():
                if name.lower() not in {"connection", "transfer-encoding", "content-length"}:
                    handler.send_header(name, value)
            handler.send_header("Content-Length", str(len(content)))
            handler.send_header("Connection", "close")
            handler.end_headers()
            handler.wfile.write(content)

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()

    def _note(self, run: str, body: bytes) -> None:
        push = json.loads(body)
        with self._lock:
            steps = self.acknowledged.steps.setdefault(run, set())
            for step in push["steps"]:
                key = (push.get("session") or "", step["step"])
                self.acknowledged.repeated += key in steps
                steps.add(key)


def _inflate(body: bytes, encoding: str) -> bytes:
    if encoding == "gzip":
        return gzip.decompress(body)
    if encoding == "zstd":
        return zstandard.ZstdDecompressor().decompress(body, max_output_size=2**26)
    return body
