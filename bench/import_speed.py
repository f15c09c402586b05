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
from functools import partial
from pathlib import Path

from tests.serving import ServedProcess, serve

from bench.machine import cpu_seconds, median, postgres_pid
from bench.report import Data, grid, show
from bench.shape import metrics
from bench.timing import seconds_of
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


def measure(steps: int = 20_000, width: int = 50, rounds: int = 3) -> Data:
    """Steps a second of reading alone, of reading and sending, and of the whole command."""
    with tempfile.TemporaryDirectory(prefix="gadwatch-") as folder:
        path = Path(folder) / "log.jsonl"
        write_log(path, steps, width)
        data_dir = Path(folder) / "service"
        data_dir.mkdir()
        reading = [seconds_of(partial(parse, path)) for _ in range(rounds)]
        with EmbeddedPostgres(data_dir), serve(data_dir, None) as served:
            pids = (served.process.pid, postgres_pid(data_dir))
            before = [time.process_time(), *map(cpu_seconds, pids)]
            sent = [seconds_of(partial(send, served, path, f"sent-{n}")) for n in range(rounds)]
            after = [time.process_time(), *map(cpu_seconds, pids)]
            whole = [
                seconds_of(partial(command, served, path, f"whole-{n}")) for n in range(rounds)
            ]
    return {
        "width": width,
        "reading": steps / median(reading),
        "sent": steps / median(sent),
        "command": steps / median(whole),
        "cpu_us": [
            (now - was) * 1e6 / rounds / steps for was, now in zip(before, after, strict=True)
        ],
    }


def table(data: Data) -> str:
    """What an import does and where its processor time goes."""
    client, service, postgres = (f"{one:.0f}" for one in data["cpu_us"])
    rows = [
        ("reading and parsing alone", f"{data['reading']:,.0f}"),
        (
            "read, sent, stored and judged",
            f"{data['sent']:,.0f}",
            f"{client} the reader, {service} the service, {postgres} Postgres",
        ),
        ("the command `gadwatch import`, its start included", f"{data['command']:,.0f}"),
    ]
    heads = (f"what, {data['width']} metrics a step", "steps/s", "processor, µs a step")
    return grid(heads, rows)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=20_000)
    parser.add_argument("--metrics", type=int, default=50)
    parser.add_argument("--rounds", type=int, default=3)
    wish = parser.parse_args()
    show(table(measure(wish.steps, wish.metrics, wish.rounds)))


if __name__ == "__main__":
    main()
