"""How fast steps get in: ``python -m bench.ingest``.

Starts the real service on an embedded Postgres of its own (durable, as in production), pushes
from several client processes, and measures raw binary COPY of the same rows in the same server.
"""

import argparse
import http.client
import json
import multiprocessing
import random
import tempfile
import time
from collections.abc import Sequence
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any

import psutil
import psycopg
from tests.service.pushing import HEALTHY
from tests.serving import ServedProcess, serve

from bench.machine import cpu_seconds, describe, load, median, percentile
from gadwatch_service.store.binary import copy_tail_rows
from gadwatch_service.store.embedded import EmbeddedPostgres

Batches = list[bytes]


def metrics(rng: random.Random, count: int) -> dict[str, float]:
    """A healthy step with ``count`` metrics, digits as real trainers log them."""
    values = {name: value * (1 + 0.02 * rng.uniform(-1, 1)) for name, value in HEALTHY.items()}
    values |= {f"perf/metric_{n}": rng.gauss(0, 1) for n in range(count - len(values))}
    return values


def make_batches(seed: int, batches: int, steps: int, width: int) -> Batches:
    """Request bodies, made before the clock starts."""
    rng = random.Random(seed)
    number = 0
    bodies = []
    for _ in range(batches):
        rows = []
        for _ in range(steps):
            number += 1
            rows.append({"step": number, "time": 1.7e9 + number, "metrics": metrics(rng, width)})
        bodies.append(json.dumps({"steps": rows}).encode())
    return bodies


def client(
    served: tuple[str, int, str], run: str, bodies: Batches, start: Barrier, out: Any
) -> None:
    """Push every body over one connection; report each request's seconds."""
    host, port, token = served
    connection = http.client.HTTPConnection(host, port)
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    start.wait()
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


def push_all(served: ServedProcess, work: dict[str, Batches]) -> tuple[float, list[float]]:
    """Seconds from the first request to the last reply, and each request's."""
    host, port = served.url.removeprefix("http://").split(":")
    with served.client() as api:
        for run in work:
            wish = {"id": run, "stage": "warmup", "warmup_steps": 253, "project": "bench"}
            api.post("/api/v1/runs", json=wish).raise_for_status()
    start = multiprocessing.Barrier(len(work) + 1)
    out: multiprocessing.Queue[list[float]] = multiprocessing.Queue()
    target = (host, int(port), served.token)
    workers = [
        multiprocessing.Process(target=client, args=(target, run, bodies, start, out))
        for run, bodies in work.items()
    ]
    for worker in workers:
        worker.start()
    start.wait()
    begun = time.perf_counter()
    taken = [one for _ in workers for one in out.get(timeout=600)]
    seconds = time.perf_counter() - begun
    for worker in workers:
        worker.join()
    return seconds, taken


def raw_copy(url: str, batches: int, steps: int, width: int) -> float:
    """Points a second of binary COPY into the tail, one transaction a batch, one connection."""
    rng = random.Random(1)
    rows = [(n, 1.7e9 + n, list(metrics(rng, width).values())) for n in range(batches * steps)]
    address = url.replace("postgresql+psycopg://", "postgresql://")
    with psycopg.connect(address) as connection:
        connection.execute("CREATE TABLE raw (LIKE tail INCLUDING ALL)")
        connection.commit()
        begun = time.perf_counter()
        for start in range(0, len(rows), steps):
            with connection.cursor() as cursor:
                statement = (
                    "COPY raw (run_id, attempt, step, time, values) FROM STDIN (FORMAT binary)"
                )
                with cursor.copy(statement) as copy:
                    copy.write(copy_tail_rows("raw", 1, rows[start : start + steps]))
            connection.commit()
        seconds = time.perf_counter() - begun
        connection.execute("DROP TABLE raw")
        connection.commit()
    return len(rows) * width / seconds


def postgres_pid(data_dir: Path) -> int:
    """The embedded server's main process."""
    return int((data_dir / "postgres" / "postmaster.pid").read_text().splitlines()[0])


def report(
    name: str, points: int, seconds: Sequence[float], cpu: Sequence[tuple[float, float]]
) -> float:
    """Print one line of results; points a second."""
    rate = median([points / one for one in seconds])
    service = median([one[0] for one in cpu])
    postgres = median([one[1] for one in cpu])
    print(
        f"{name}: {rate:,.0f} points/s (median of {len(seconds)}); processor seconds for "
        f"{points:,} points: service {service:.2f}, Postgres {postgres:.2f}"
    )
    return rate


def main() -> None:
    """Run both measurements and print them with the limit beside them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clients", type=int, default=4)
    parser.add_argument("--batches", type=int, default=30, help="requests of each client")
    parser.add_argument("--steps", type=int, default=200, help="steps in a request")
    parser.add_argument("--metrics", type=int, default=50)
    parser.add_argument("--singles", type=int, default=400, help="single-step requests a client")
    parser.add_argument("--processes", type=int, default=1, help="of the service")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    print(f"{describe()}; load {load()}")
    with tempfile.TemporaryDirectory(prefix="gadwatch-") as folder:
        data_dir = Path(folder)
        with (
            EmbeddedPostgres(data_dir) as postgres,
            serve(data_dir, None, GADWATCH_PROCESSES=str(options.processes)) as served,
        ):
            pids = (served.process.pid, postgres_pid(data_dir))
            bulk(served, pids, options)
            singles(served, pids, options)
            limits = [
                raw_copy(postgres.url(), 60, options.steps, options.metrics)
                for _ in range(options.rounds)
            ]
            print(f"limit, raw binary COPY on one connection: {median(limits):,.0f} points/s")


def _measured(
    served: ServedProcess, pids: tuple[int, int], work: dict[str, Batches]
) -> tuple[float, list[float], tuple[float, float]]:
    before = [cpu_seconds(pid) for pid in pids]
    seconds, taken = push_all(served, work)
    service, postgres = (cpu_seconds(pid) - was for pid, was in zip(pids, before, strict=True))
    return seconds, taken, (service, postgres)


def bulk(served: ServedProcess, pids: tuple[int, int], options: argparse.Namespace) -> None:
    """Batches of many steps from several clients, each into a run of its own."""
    seconds, cpu = [], []
    for number in range(options.rounds):
        work = {
            f"bulk-{number}-{n}": make_batches(n, options.batches, options.steps, options.metrics)
            for n in range(options.clients)
        }
        took, _, used = _measured(served, pids, work)
        seconds.append(took)
        cpu.append(used)
    points = options.clients * options.batches * options.steps * options.metrics
    report(f"batches of {options.steps}, {options.clients} clients", points, seconds, cpu)


def singles(served: ServedProcess, pids: tuple[int, int], options: argparse.Namespace) -> None:
    """Requests of one step each from eight clients."""
    rates, slow, cpu = [], [], []
    for number in range(options.rounds):
        work = {
            f"single-{number}-{n}": make_batches(n, options.singles, 1, options.metrics)
            for n in range(8)
        }
        took, taken, used = _measured(served, pids, work)
        rates.append(len(taken) / took)
        slow.append(percentile(taken, 0.99))
        cpu.append(used)
    per_request = 1000 / (8 * options.singles)
    print(
        f"single steps, 8 clients: {median(rates):,.0f} requests/s, "
        f"p99 {median(slow) * 1000:.1f} ms; processor milliseconds a request: "
        f"service {median([c[0] for c in cpu]) * per_request:.2f},"
        f" Postgres {median([c[1] for c in cpu]) * per_request:.2f}"
    )


if __name__ == "__main__":
    psutil.cpu_percent()
    main()
