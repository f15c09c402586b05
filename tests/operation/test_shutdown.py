import signal
import socket
from urllib.parse import urlsplit

import httpx2
from tests.serving import ServedProcess, wait_until


def _begin(service: ServedProcess, method: str, path: str, body: bytes = b"") -> socket.socket:
    """Send the head of a request that announces ``body``, and make sure it was taken in."""
    parts = urlsplit(service.url)
    connection = socket.create_connection((parts.hostname, parts.port), timeout=40)
    head = (
        f"{method} {path} HTTP/1.1\r\nHost: {parts.netloc}\r\n"
        f"Authorization: Bearer {service.token}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    )
    connection.sendall(head.encode())
    with service.client() as client:
        client.get("/healthz")
    return connection


def _answer(connection: socket.socket) -> bytes:
    answer = b""
    while chunk := connection.recv(4096):
        answer += chunk
    return answer


def test_waiting_and_unfinished_requests_are_answered_before_the_service_ends(
    service: ServedProcess,
) -> None:
    body = b'{"id": "in-flight", "name": "in flight"}'

    def refuses() -> bool:
        try:
            httpx2.get(f"{service.url}/healthz", timeout=1)
        except httpx2.TransportError:
            return True
        return False

    with service.client() as client:
        client.post("/api/v1/runs", json={"id": "waiting"})
    with (
        _begin(service, "GET", "/api/v1/runs/waiting/readiness?wait=50") as waiting,
        _begin(service, "POST", "/api/v1/runs", body) as begun,
    ):
        service.process.send_signal(signal.SIGTERM)
        assert _answer(waiting).startswith(b"HTTP/1.1 200")
        wait_until(refuses, what="the end of listening")
        begun.sendall(body)
        assert _answer(begun).startswith(b"HTTP/1.1 201")
    assert service.process.wait(20) == 0
