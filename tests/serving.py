"""A real server process for tests, and the waiting that goes with it."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import httpx2

from gadwatch_service.app import create_app
from gadwatch_service.settings import Settings

_SERVE = "from gadwatch_cli.main import main; main(['serve'])"
"""The service as people start it, pages included."""


@dataclass
class ServedProcess:
    """A running service and how to reach it."""

    process: subprocess.Popen[bytes]
    url: str
    token: str
    data_dir: Path

    def client(self) -> httpx2.Client:
        """A client with the owner's token."""
        headers = {"Authorization": f"Bearer {self.token}"}
        # Loading certificates would take longer than most tests.
        return httpx2.Client(base_url=self.url, headers=headers, verify=False)

    def kill(self) -> None:
        """End it as a power cut would."""
        self.process.kill()
        self.process.wait()

    def stop(self, deadline: float = 20.0) -> None:
        """Ask it to end and wait."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(deadline)
            except subprocess.TimeoutExpired:
                self.kill()


@asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[httpx2.AsyncClient]:
    """The service in this process, and a client with the owner's token; its ``app`` is the app."""
    app = create_app(settings)
    async with app.router.lifespan_context(app):
        token = settings.owner_token_path.read_text().strip()
        async with httpx2.AsyncClient(
            transport=httpx2.ASGITransport(app=app),
            base_url="http://127.0.0.1",
            headers={"Authorization": f"Bearer {token}"},
        ) as client:
            client.app = app  # type: ignore[attr-defined]
            yield client


def wait_until(condition: Callable[[], bool], deadline: float = 20.0, what: str = "it") -> None:
    """Poll ``condition`` until it holds; fail after ``deadline`` seconds."""
    end = time.monotonic() + deadline
    while not condition():
        if time.monotonic() > end:
            raise AssertionError(f"{what} did not happen within {deadline} s")
        time.sleep(0.02)


def free_port() -> int:
    """A port of the loopback address that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def serve(
    data_dir: Path,
    database_url: str | None,
    port: int | None = None,
    program: str = _SERVE,
    **environment: str,
) -> Iterator[ServedProcess]:
    """Start the service, wait until it answers, stop it at the end.

    ``environment`` are further settings: ``serve(…, GADWATCH_POLL_SECONDS="0.1")``. ``program``
    is the Python that serves, for a service with further routes.
    """
    port = port or free_port()
    data_dir.mkdir(parents=True, exist_ok=True)
    variables = {
        **os.environ,
        "GADWATCH_DATA_DIR": str(data_dir),
        "GADWATCH_PORT": str(port),
        **({"GADWATCH_DATABASE_URL": database_url} if database_url else {}),
        **environment,
    }
    output = data_dir / "output.log"
    with output.open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-c", program], env=variables, stdout=log, stderr=log
        )
    served = ServedProcess(process, f"http://127.0.0.1:{port}", "", data_dir)

    def answers() -> bool:
        if process.poll() is not None:
            raise AssertionError(f"the service ended: {output.read_text()[-2000:]}")
        with suppress(httpx2.TransportError):
            return httpx2.get(f"{served.url}/readyz", verify=False).status_code == 200
        return False

    try:
        wait_until(answers, 60, "the service's answer")
        served.token = (data_dir / "owner-token").read_text().strip()
        yield served
    finally:
        served.stop()
