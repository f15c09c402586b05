"""What every peer's program does alike; standard library only, for it runs beside the peers.

A program is started with the peers' Python and a file of steps; it prints one line of JSON.
"""

import json
import queue
import statistics
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

Log = Callable[[dict[str, float], int], Any]
"""Logs the metrics of one step."""

PACE_SECONDS = 0.002
BLOCK = 50


def read_steps() -> list[dict[str, float]]:
    """The metrics of each step, from the file that the first argument names."""
    steps: list[dict[str, float]] = json.loads(Path(sys.argv[1]).read_text())
    return steps


def tell(**figures: object) -> None:
    """Print the figures, as the last line."""
    print(json.dumps(figures), flush=True)


def points_a_second(log: Log, end: Callable[[], Any], steps: list[dict[str, float]]) -> float:
    """From the first step to the moment when ``end`` has returned and all is written."""
    begun = time.perf_counter()
    for number, metrics in enumerate(steps):
        log(metrics, number)
    end()
    return sum(map(len, steps)) / (time.perf_counter() - begun)


def call_costs(
    log: Log, steps: list[dict[str, float]], calls: int, scalars: int = 20
) -> dict[str, list[float]]:
    """Microseconds of a call, median and p99, and of a ``queue.put`` in turns with it.

    The calls are paced like the steps of a training; a step has ``scalars`` metrics.
    """
    taken: dict[str, list[float]] = {"put_us": [], "log_us": []}
    with consumed_queue() as put:
        kinds: dict[str, Log] = {"put_us": put, "log_us": log}
        for first in range(0, calls, BLOCK):
            for name, call in kinds.items():
                for step in range(first, first + BLOCK):
                    metrics = dict(list(steps[step % len(steps)].items())[:scalars])
                    time.sleep(PACE_SECONDS)
                    begun = time.perf_counter_ns()
                    call(metrics, step)
                    taken[name].append((time.perf_counter_ns() - begun) / 1000)
    return {
        name: [statistics.median(one), statistics.quantiles(one, n=100)[98]]
        for name, one in taken.items()
    }


@contextmanager
def consumed_queue() -> Iterator[Log]:
    """A ``queue.put`` with a consumer, as any logger built on a queue has."""
    bare: queue.Queue[dict[str, float] | None] = queue.Queue()

    def consume() -> None:
        while bare.get() is not None:
            pass

    thread = threading.Thread(target=consume, daemon=True)
    thread.start()
    yield lambda metrics, _: bare.put(metrics)
    bare.put(None)
    thread.join()
