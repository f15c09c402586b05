"""Clients in processes of their own that push prepared bodies all at once."""

import http.client
import multiprocessing
import time
from collections.abc import Sequence
from multiprocessing.synchronize import Barrier
from typing import Any

from tests.serving import ServedProcess

Pushes = Sequence[tuple[str, bytes]]
"""What one client sends, in this order: the run and the body of each request."""


def create_runs(served: ServedProcess, runs: Sequence[str]) -> None:
    """Runs in their warm-up."""
    with served.client() as api:
        for run in runs:
            wish = {"id": run, "stage": "warmup", "warmup_steps": 253, "project": "bench"}
            api.post("/api/v1/runs", json=wish).raise_for_status()


def push_all(
    services: Sequence[ServedProcess], work: Sequence[Pushes]
) -> tuple[float, list[float]]:
    """Seconds from the first request to the last reply, and each request's.

    A client for each of ``work``; with several services, its requests go to them in turns.
    """
    start = multiprocessing.Barrier(len(work) + 1)
    out: multiprocessing.Queue[list[float]] = multiprocessing.Queue()
    targets = [(one.url.removeprefix("http://"), one.token) for one in services]
    workers = [
        multiprocessing.Process(target=_client, args=(targets, pushes, start, out))
        for pushes in work
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


def _client(targets: list[tuple[str, str]], pushes: Pushes, start: Barrier, out: Any) -> None:
    """Push every body over one connection to each service; report each request's seconds."""
    ways = [
        (
            http.client.HTTPConnection(address),
            {"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
        )
        for address, token in targets
    ]
    start.wait(timeout=60)
    taken = []
    for number, (run, body) in enumerate(pushes):
        connection, headers = ways[number % len(ways)]
        begun = time.perf_counter()
        connection.request("POST", f"/api/v1/runs/{run}/steps", body, headers)
        response = connection.getresponse()
        answer = response.read()
        taken.append(time.perf_counter() - begun)
        if response.status != 200:
            raise SystemExit(f"{response.status}: {answer[:300]!r}")
    out.put(taken)
