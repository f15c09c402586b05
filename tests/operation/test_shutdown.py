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


def test_a_request_in_flight_is_answered_before_the_service_ends(service: ServedProcess) -> None:
    body = b'{"id": "in-flight", "name": "in flight"}'

    def refuses() -> bool:
        try:
            httpx2.get(f"{service.url}/healthz", timeout=1)
        except httpx2.TransportError:
            return True
        return False

    with _begin(service, "POST", "/api/v1/runs", body) as connection:
        service.process.send_signal(signal.SIGTERM)
        wait_until(refuses, what="the end of listening")
        connection.sendall(body)
        assert _answer(connection).startswith(b"HTTP/1.1 201")
    assert service.process.wait(20) == 0


def test_a_waiting_query_is_answered_when_the_service_ends(service: ServedProcess) -> None:
    with service.client() as client:
        client.post("/api/v1/runs", json={"id": "waiting"})
    with _begin(service, "GET", "/api/v1/runs/waiting/readiness?wait=50") as connection:
        service.process.send_signal(signal.SIGTERM)
        assert _answer(connection).startswith(b"HTTP/1.1 200")
    assert service.process.wait(30) == 0
