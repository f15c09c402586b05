"""How soon the service is ready and how much memory it takes: ``python -m bench.footprint``.

The service is started as people start it, on an embedded Postgres. Ready is when ``/readyz``
answers 200. Memory is the proportional set size (a page shared by n processes counts 1/n in each)
of the service, of Postgres, and of all their children.
"""

import argparse
import http.client
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import httpx2
import psutil
from tests.serving import free_port

from bench.machine import describe, load, postgres_pid

_BATCH = 10
_METRICS = [f"actor/metric_{number:02}" for number in range(50)]


class Service:
    """One installation that is started again and again."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._port = free_port()
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> tuple[float, float]:
        """Seconds until it is ready, and how many of them the service used a processor."""
        environment = {
            **os.environ,
            "GADWATCH_DATA_DIR": str(self.folder),
            "GADWATCH_PORT": str(self._port),
        }
        begun = time.perf_counter()
        with (self.folder / "output.log").open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "gadwatch_cli", "serve"],
                env=environment, stdout=log, stderr=log,
            )  # fmt: skip
        while not self._is_ready():
            time.sleep(0.01)
        taken = time.perf_counter() - begun
        times = psutil.Process(self._process.pid).cpu_times()
        return taken, times.user + times.system

    def end(self, how: signal.Signals) -> None:
        """End it."""
        assert self._process is not None
        self._process.send_signal(how)
        self._process.wait()

    @contextmanager
    def client(self) -> Iterator[httpx2.Client]:
        """A client with the owner's token."""
        headers = {"Authorization": f"Bearer {(self.folder / 'owner-token').read_text().strip()}"}
        with httpx2.Client(
            base_url=f"http://127.0.0.1:{self._port}/api/v1", headers=headers, timeout=300,
            verify=False,
        ) as client:  # fmt: skip
            yield client

    def memory(self) -> tuple[float, float]:
        """MB of the service and of Postgres."""
        assert self._process is not None
        return _megabytes(self._process.pid), _megabytes(postgres_pid(self.folder))

    def _is_ready(self) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=5)
        try:
            connection.request("GET", "/readyz")
            return connection.getresponse().status == 200
        except OSError:
            return False
        finally:
            connection.close()


def _megabytes(pid: int) -> float:
    process = psutil.Process(pid)
    total = 0
    for one in (process, *process.children(recursive=True)):
        try:
            total += one.memory_full_info().pss
        except psutil.NoSuchProcess:
            continue
    return total / 1e6


def push(client: httpx2.Client, run: int, first: int) -> None:
    """Give a run one batch of steps."""
    rng = random.Random(first)
    steps = [
        {"step": step, "metrics": {name: rng.random() for name in _METRICS}}
        for step in range(first, first + _BATCH)
    ]
    answer = client.post(f"/runs/run-{run}/steps", json={"steps": steps})
    while answer.status_code == httpx2.codes.SERVICE_UNAVAILABLE:
        time.sleep(float(answer.headers["Retry-After"]))
        answer = client.post(f"/runs/run-{run}/steps", json={"steps": steps})
    answer.raise_for_status()


def put_under_load(service: Service, runs: int, seconds: float, rate: float) -> None:
    """Push steps to every run in turn, and tell the memory six times."""
    begun, batches = time.monotonic(), runs
    with service.client() as client:
        for part in range(7 if seconds else 1):
            while time.monotonic() < begun + seconds * part / 6:
                push(client, batches % runs, 1 + batches // runs * _BATCH)
                batches += 1
                ahead = (batches - runs) * _BATCH / rate - (time.monotonic() - begun)
                time.sleep(max(0.0, ahead))
            mine, postgres = service.memory()
            print(
                f"after {seconds * part / 360:.0f} minutes and {(batches - runs) * _BATCH} steps "
                f"of {len(_METRICS)} metrics: service {mine:.0f} MB, Postgres {postgres:.0f} MB",
                flush=True,
            )


def told(starts: Sequence[tuple[float, float]]) -> str:
    """Every start, the quickest first."""
    taken = ", ".join(f"{one:.2f}" for one, _ in sorted(starts))
    used = ", ".join(f"{one:.2f}" for _, one in sorted(starts))
    return f"{taken} s; of a processor {used} s"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.footprint", description=__doc__)
    parser.add_argument("--runs", type=int, default=1000, help="active runs")
    parser.add_argument("--rounds", type=int, default=5, help="starts that are measured")
    parser.add_argument("--minutes", type=float, default=0, help="minutes of load at the end")
    parser.add_argument("--rate", type=float, default=300, help="steps a second of that load")
    given = parser.parse_args()
    print(describe(), f"load {load()}", sep="; ")
    with tempfile.TemporaryDirectory(prefix="gadwatch-") as folder:
        service = Service(Path(folder))
        print("first start, from an empty folder:", told([service.start()]))
        with service.client() as client:
            for number in range(given.runs):
                wish = {"id": f"run-{number}", "stage": "warmup", "warmup_steps": 253}
                client.post("/runs", json=wish).raise_for_status()
                push(client, number, 1)
        for how in (signal.SIGTERM, signal.SIGKILL):
            starts = []
            for _ in range(given.rounds):
                service.end(how)
                starts.append(service.start())
            print(f"with {given.runs} active runs, after {how.name}:", told(starts))
        put_under_load(service, given.runs, given.minutes * 60, given.rate)
        service.end(signal.SIGTERM)


if __name__ == "__main__":
    main()
