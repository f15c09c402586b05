"""What a push costs at the scale of docs/scaling.md: ``python -m bench.scale``.

Many runs of 100 metrics, a step a request from eight clients, sealing included: once with one
process that keeps all the runs at hand, once with two that get each run's requests in turns, so
that neither knows the state that the other has left.
"""

import argparse
import tempfile
from pathlib import Path

import psutil
import psycopg
from tests.serving import ServedProcess, serve

from bench.machine import cpu_seconds, postgres_pid
from bench.pushing import Pushes, create_runs, push_all
from bench.report import Data, grid, show
from bench.shape import make_batches
from gadwatch_service.store.embedded import EmbeddedPostgres

CLIENTS, WIDTH = 8, 100
RUNS_EACH = 13
"""Odd, so that each run's requests of a client change between two services."""


def measure(steps: int = 300, turns: int = 100, kept: int = 1500) -> Data:
    """Processor time and written bytes of a push, and the memory of a run kept at hand."""
    with tempfile.TemporaryDirectory(prefix="gadwatch-") as name:
        folder = Path(name)
        with EmbeddedPostgres(folder) as postgres:
            url = postgres.url()
            with serve(folder / "one", url) as one:
                alone = _cost(folder, url, [one], "alone", steps)
            with serve(folder / "one", url) as one, serve(folder / "two", url) as two:
                by_turns = _cost(folder, url, [one, two], "turns", turns)
            with serve(folder / "one", url) as one:
                memory = _memory_of_a_run(one, kept)
    return {"alone": alone, "turns": by_turns, "kilobytes_a_run": memory, "kept": kept}


def _cost(
    folder: Path, url: str, services: list[ServedProcess], prefix: str, steps: int
) -> dict[str, float]:
    """Milliseconds of processor time and kilobytes of write-ahead log, each of one push."""
    bodies = make_batches(1, steps, 1, WIDTH)
    runs = [[f"{prefix}-{client}-{n}" for n in range(RUNS_EACH)] for client in range(CLIENTS)]
    create_runs(services[0], [run for of_client in runs for run in of_client])
    work: list[Pushes] = [
        [(run, body) for body in bodies for run in of_client] for of_client in runs
    ]
    pids = [one.process.pid for one in services]
    before = cpu_seconds(*pids), cpu_seconds(postgres_pid(folder)), _written(url)
    seconds, taken = push_all(services, work)
    after = cpu_seconds(*pids), cpu_seconds(postgres_pid(folder)), _written(url)
    service, postgres, written = (
        (now - was) / len(taken) for was, now in zip(before, after, strict=True)
    )
    return {
        "rate": len(taken) / seconds,
        "service_ms": service * 1000,
        "postgres_ms": postgres * 1000,
        "wal_kb": written / 1000,
    }


def _written(url: str) -> int:
    """Bytes of write-ahead log since the server was made."""
    with psycopg.connect(url.replace("+psycopg", "")) as connection:
        row = connection.execute("SELECT pg_current_wal_insert_lsn() - '0/0'::pg_lsn").fetchone()
    assert row is not None
    return int(row[0])


def _memory_of_a_run(served: ServedProcess, kept: int) -> float:
    """Kilobytes by which the process grows with each run that it keeps at hand."""
    [body] = make_batches(1, 1, 40, WIDTH)
    process = psutil.Process(served.process.pid)
    taken = []
    for first in (0, kept):
        runs = [f"kept-{n}" for n in range(first, first + max(first, 100))]
        create_runs(served, runs)
        push_all([served], [[(run, body) for run in runs]])
        taken.append(process.memory_info().rss)
    return float(taken[1] - taken[0]) / kept / 1000


def table(data: Data) -> str:
    """One push of 100 metrics, and a run at hand."""
    rows = [
        (
            name,
            f"{one['rate']:,.0f}",
            f"{one['service_ms']:.2f}",
            f"{one['postgres_ms']:.2f}",
            f"{one['wal_kb']:.1f}",
        )
        for name, one in (
            ("one process that knows the run", data["alone"]),
            ("two processes, a run's requests in turns", data["turns"]),
        )
    ]
    heads = ("a push of one step", "a second", "service ms", "Postgres ms", "write-ahead log kB")
    memory = f"A run kept at hand took {data['kilobytes_a_run']:.0f} kB ({data['kept']:,} runs)."
    return f"{grid(heads, rows)}\n\n{memory}"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--turns", type=int, default=100)
    parser.add_argument("--kept", type=int, default=1500)
    options = parser.parse_args()
    show(table(measure(options.steps, options.turns, options.kept)))


if __name__ == "__main__":
    main()
