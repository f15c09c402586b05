"""How fast a finished log comes in: ``python -m bench.import_speed``.

Writes a JSONL of healthy steps, starts the real service on an embedded Postgres of its own
(durable, as in production) and imports the log there: reading, sending, storing, judging.
"""

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from tests.serving import ServedProcess, serve

from bench.ingest import metrics, postgres_pid
from bench.machine import cpu_seconds, describe, load, median
from gadwatch_cli.check import read_log
from gadwatch_cli.connection import Connection
from gadwatch_cli.upload import Upload, create_run
from gadwatch_service.store.embedded import EmbeddedPostgres


def write_log(path: Path, steps: int, width: int) -> None:
    """A log as gadwatch's own trainer writes it: one object a line."""
    rng = random.Random(1)
    with path.open("w") as file:
        for step in range(1, steps + 1):
            row = {"step": step, "time": 1.7e9 + step, "metrics": metrics(rng, width)}
            file.write(json.dumps(row) + "\n")


def timed(work: Callable[[], object]) -> float:
    """Seconds that ``work`` takes."""
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def parse(path: Path) -> None:
    """Read every step and drop it."""
    for _ in read_log(path):
        pass


def send(served: ServedProcess, path: Path, run: str) -> None:
    """Read and send, as the command does, in this process."""
    connection = Connection(served.url, served.token)
    run_id = create_run(connection, run, "default", None, None)
    Upload(connection, run_id, run, None).send(read_log(path))


def command(served: ServedProcess, path: Path, run: str) -> None:
    """``gadwatch import`` with the start of its process."""
    subprocess.run(
        [sys.executable, "-m", "gadwatch_cli", "import", str(path), "--run", run],
        env={**os.environ, "GADWATCH_URL": served.url, "GADWATCH_TOKEN": served.token},
        check=True,
        capture_output=True,
    )


def main() -> None:
    """Measure and print."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--steps", type=int, default=20_000)
    options.add_argument("--metrics", type=int, default=50)
    options.add_argument("--rounds", type=int, default=3)
    wish = options.parse_args()
    print(f"{describe()}; load {load()}")
    with tempfile.TemporaryDirectory(prefix="gadwatch-") as folder:
        path = Path(folder) / "log.jsonl"
        write_log(path, wish.steps, wish.metrics)
        data_dir = Path(folder) / "service"
        data_dir.mkdir()

        def tell(name: str, seconds: list[float]) -> None:
            rate = wish.steps / median(seconds)
            print(f"{name}: {rate:,.0f} steps/s of {wish.metrics} metrics (median; load {load()})")

        tell("reading alone", [timed(lambda: parse(path)) for _ in range(wish.rounds)])
        with EmbeddedPostgres(data_dir), serve(data_dir, None) as served:
            pids = (served.process.pid, postgres_pid(data_dir))
            before = [cpu_seconds(pid) for pid in pids]
            own = time.process_time()
            sent = [timed(lambda n=n: send(served, path, f"sent-{n}")) for n in range(wish.rounds)]  # type: ignore[misc]
            tell("read, sent and judged", sent)
            service, postgres = (
                (cpu_seconds(pid) - was) / wish.rounds
                for pid, was in zip(pids, before, strict=True)
            )
            client = (time.process_time() - own) / wish.rounds
            print(
                f"  processor seconds an import: client {client:.2f}, service {service:.2f}, "
                f"Postgres {postgres:.2f}"
            )
            whole = [
                timed(lambda n=n: command(served, path, f"whole-{n}"))  # type: ignore[misc]
                for n in range(wish.rounds)
            ]
            tell("the command `gadwatch import`, its start included", whole)


if __name__ == "__main__":
    main()
