"""MLflow's server: SQLite and four workers, as it comes, but without its runner of jobs."""

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx2
from tests.serving import free_port, wait_until

from bench.peers.environment import peers_python, variables


@contextmanager
def mlflow_server(folder: Path) -> Iterator[str]:
    """Its address, for as long as the context lasts."""
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    store = ("--backend-store-uri", f"sqlite:///{folder}/mlflow.db")
    command = [str(peers_python()), "-m", "mlflow", "server", "--host", "127.0.0.1"]
    with (folder / "server.log").open("w") as log:
        process = subprocess.Popen(
            [*command, "--port", str(port), *store],
            cwd=folder,
            env=variables(folder),
            stdout=log,
            stderr=log,
            start_new_session=True,
        )

    def answers() -> bool:
        if process.poll() is not None:
            raise AssertionError(f"it ended: {(folder / 'server.log').read_text()[-2000:]}")
        with suppress(httpx2.TransportError):
            return httpx2.get(f"{address}/health", verify=False).status_code == 200
        return False

    try:
        wait_until(answers, 300, "the answer of MLflow's server")
        yield address
    finally:
        # Its workers are its children, and do not all end with it.
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(30)
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
