"""A webhook receiver that counts what arrives, and fails when it is told to."""

import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Literal

Mood = Literal["fine", "error", "hang up"]


class Receiver:
    """Listens on a port of its own."""

    def __init__(self) -> None:
        self.mood: Mood = "fine"
        self.received: Counter[str] = Counter()
        """Messages taken, by webhook-id."""
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                self.rfile.read(int(self.headers.get("content-length", 0)))
                if receiver.mood == "hang up":
                    self.close_connection = True
                    return
                status = 200 if receiver.mood == "fine" else 503
                if status == 200:
                    receiver.received[self.headers.get("webhook-id", "")] += 1
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Silent."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}/alerts"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()
