"""Clients in processes of their own that push prepared bodies all at once."""

import http.client
import multiprocessing
import time
from multiprocessing.synchronize import Barrier
from typing import Any

from tests.serving import ServedProcess

from bench.shape import Batches


def push_all(served: ServedProcess, work: dict[str, Batches]) -> tuple[float, list[float]]:
    """Seconds from the first request to the last reply, and each request's; one client a run."""
    host, port = served.url.removeprefix("http://").split(":")
    with served.client() as api:
        for run in work:
            wish = {"id": run, "stage": "warmup", "warmup_steps": 253, "project": "bench"}
            api.post("/api/v1/runs", json=wish).raise_for_status()
    start = multiprocessing.Barrier(len(work) + 1)
    out: multiprocessing.Queue[list[float]] = multiprocessing.Queue()
    target = (host, int(port), served.token)
    workers = [
        multiprocessing.Process(target=_client, args=(target, run, bodies, start, out))
        for run, bodies in work.items()
    ]
    for worker in workers:
        worker.start()
    start.wait(timeout=60)
    begun = time.perf_counter()
    taken = [one for _ in workers for one in out.get(timeout=600)]
    seconds = time.perf_counter() - begun
    for worker in workers:
        worker.join()
    return seconds, taken


def _client(
    served: tuple[str, int, str], run: str, bodies: Batches, start: Barrier, out: Any
) -> None:
    """Push every body over one connection; report each request's seconds."""
    host, port, token = served
    connection = http.client.HTTPConnection(host, port)
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    start.wait(timeout=60)
    taken = []
    for body in bodies:
        begun = time.perf_counter()
        connection.request("POST", f"/api/v1/runs/{run}/steps", body, headers)
        response = connection.getresponse()
        answer = response.read()
        taken.append(time.perf_counter() - begun)
        if response.status != 200:
            raise SystemExit(f"{response.status}: {answer[:300]!r}")
    out.put(taken)
