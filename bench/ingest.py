"""How fast steps get in: ``python -m bench.ingest``.

Starts the real service on an embedded Postgres of its own (durable, as in production), pushes
from several client processes, and measures raw binary COPY of the same rows in the same server,
before each round of batches: the machine's speed changes from minute to minute.
"""

import argparse
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import psycopg
from tests.serving import ServedProcess, serve, wait_until

from bench.machine import cpu_seconds, ended_children_seconds, median, percentile, postgres_pid
from bench.pushing import create_runs, push_all
from bench.raw_copy import raw_copy
from bench.report import Data, grid, show
from bench.shape import Batches, make_batches
from gadwatch_service.store.embedded import EmbeddedPostgres

CLIENTS, BATCHES, STEPS, WIDTH = 4, 60, 200, 50
SINGLE_CLIENTS, SINGLES = 8, 400

_BULK = ("batches", "troubled")
_TROUBLED = " of runs with an open finding"


def measure(rounds: int = 3, processes: tuple[int, ...] = (1, 2)) -> Data:
    """Batches, single steps and the limit, for each number of processes of the service.

    Batches are of healthy runs, and of runs with an open finding.
    """
    batches = {f"bulk-{n}": make_batches(n, BATCHES, STEPS, WIDTH) for n in range(CLIENTS)}
    troubled = {
        f"troubled-{n}": make_batches(n, BATCHES, STEPS, WIDTH, {"critic/d_acc": 0.99})
        for n in range(CLIENTS)
    }
    singles = {f"single-{n}": make_batches(n, SINGLES, 1, WIDTH) for n in range(SINGLE_CLIENTS)}
    served = {}
    for count in processes:
        with tempfile.TemporaryDirectory(prefix="gadwatch-") as folder:
            data_dir = Path(folder)
            with (
                EmbeddedPostgres(data_dir) as postgres,
                serve(data_dir, None, GADWATCH_PROCESSES=str(count)) as service,
            ):
                pids = (service.process.pid, postgres_pid(data_dir))
                limit = partial(_limit, postgres.url())
                served[str(count)] = {
                    "batches": _repeat(service, pids, batches, rounds, STEPS * WIDTH, limit),
                    "troubled": _repeat(service, pids, troubled, rounds, STEPS * WIDTH, limit),
                    "singles": _repeat(service, pids, singles, rounds, 1),
                }
    return {"rounds": rounds, "processes": served}


def _limit(url: str) -> float:
    """Points a second of COPY of as many rows, once the service has sealed what it has."""
    with psycopg.connect(url.replace("+psycopg", "", 1), autocommit=True) as connection:
        wanted = "SELECT count(*) FROM run_states WHERE seal_wanted"
        wait_until(lambda: connection.execute(wanted).fetchone() == (0,), 120, "sealing")
    return raw_copy(url, CLIENTS * BATCHES, STEPS, WIDTH)


def _repeat(
    served: ServedProcess,
    pids: tuple[int, int],
    work: dict[str, Batches],
    rounds: int,
    units: int,
    limit: Callable[[], float] | None = None,
) -> dict[str, Any]:
    """Medians over the rounds: units a second, latency, processor seconds for a million units.

    With a ``limit`` that is measured before each round, the limit and the share of it too.
    """
    total = units * sum(len(bodies) for bodies in work.values())
    rates, slow, limits = [], [], []
    used: dict[str, list[float]] = {"clients": [], "service": [], "postgres": []}
    for number in range(rounds):
        if limit is not None:
            limits.append(limit())
        pushes = [[(f"{run}-{number}", one) for one in bodies] for run, bodies in work.items()]
        create_runs(served, [f"{run}-{number}" for run in work])
        before = (ended_children_seconds(), *map(cpu_seconds, pids))
        took, taken = push_all([served], pushes)
        after = (ended_children_seconds(), *map(cpu_seconds, pids))
        rates.append(total / took)
        slow.append(percentile(taken, 0.99) * 1000)
        for of, was, now in zip(used.values(), before, after, strict=True):
            of.append((now - was) / total * 1e6)
    found = {
        "rate": median(rates),
        "p99_ms": median(slow),
        "cpu": {name: median(one) for name, one in used.items()},
    }
    if limits:
        found["copy"] = median(limits)
        found["share"] = median([rate / most for rate, most in zip(rates, limits, strict=True)])
    return found


def table(data: Data) -> str:
    """The measured rates beside the limit."""
    rows: list[tuple[str, ...]] = []
    for count, one in data["processes"].items():
        name = "one process" if count == "1" else f"{count} processes"
        single = one["singles"]
        rows += [
            *(
                (
                    f"batches of {STEPS} steps{what}, {CLIENTS} clients, {name} of the service",
                    f"{bulk['rate']:,.0f} points/s, {bulk['share']:.0%} of COPY",
                    f"{bulk['p99_ms']:.0f} ms",
                    "{clients:.2f} + {service:.2f} + {postgres:.2f} s a million points".format(
                        **bulk["cpu"]
                    ),
                )
                for what, bulk in (("", one["batches"]), (_TROUBLED, one["troubled"]))
            ),
            (
                f"single steps, {SINGLE_CLIENTS} clients, {name} of the service",
                f"{single['rate']:,.0f} requests/s",
                f"{single['p99_ms']:.1f} ms",
                "{clients:.0f} + {service:.0f} + {postgres:.0f} µs a request".format(
                    **single["cpu"]
                ),
            ),
        ]
    limit = median([one[kind]["copy"] for one in data["processes"].values() for kind in _BULK])
    rows.append(("the limit: raw binary COPY, one connection", f"{limit:,.0f} points/s"))
    heads = ("what", "rate", "p99 of a request", "processor: clients + service + Postgres")
    return grid(heads, rows)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--processes", type=int, nargs="*", default=[1, 2], help="of the service")
    options = parser.parse_args()
    show(table(measure(options.rounds, tuple(options.processes))))


if __name__ == "__main__":
    main()
