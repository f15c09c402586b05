"""What `run.log` costs the training thread, against a bare `queue.put` in the same run.

    python -m bench.hook [--calls 2000] [--scalars 20] [--pace-ms 2]

Each block times 100 calls of one kind, paced like training steps, and the kinds take turns, so
that both see the same machine. `queue.put` has a consumer, as any logger built on it has.
"""

import argparse
import contextlib
import os
import queue
import random
import re
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tests.hooks.fake_service import FakeService, running
from tests.serving import free_port

import gadwatch_hooks
from bench.report import Data, grid, show
from bench.timing import seconds_of

BLOCK = 100
TROUBLES: tuple[str | int, ...] = ("ok", "hang", "garbage", 500, 429, "refused", "gone")
LIMITS = {"median": 1.5, "p99": 3.0, "end": 5.0}


def measure(
    calls: int = 2000,
    scalars: int = 20,
    pace_ms: float = 2.0,
    troubles: tuple[str | int, ...] = TROUBLES,
) -> Data:
    """Each trouble's costs, with the service on its way from well to gone."""
    return {
        "scalars": scalars,
        "troubles": [_measure(trouble, calls, scalars, pace_ms) for trouble in troubles],
    }


def _measure(trouble: str | int, calls: int, scalars: int, pace_ms: float) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder, service_in(trouble) as (url, service):
        os.environ["GADWATCH_DATA_DIR"] = folder
        run = gadwatch_hooks.init(id="bench", url=url)
        if trouble == "gone" and service is not None:
            service.close()
        puts: list[float] = []
        logs: list[float] = []
        with consumed_queue() as bare:
            for step in range(0, calls, BLOCK):
                puts += timed(lambda metrics, _: bare.put(metrics), step, scalars, pace_ms)
                logs += timed(
                    lambda metrics, step: run.log(metrics, step=step), step, scalars, pace_ms
                )
        end = seconds_of(run.finish)
        kept = in_spool(Path(folder))
        kept |= set(service.steps()) if service is not None else set()
    return {
        "trouble": str(trouble),
        "put_us": summary(puts),
        "log_us": summary(logs),
        "end_s": end,
        "calls": len(logs),
        "kept": len(kept),
    }


def missed(data: Data) -> bool:
    """Whether any trouble took more than the limits, or lost a step."""
    return any(
        one["log_us"][0] / one["put_us"][0] > LIMITS["median"]
        or one["log_us"][1] / one["put_us"][1] > LIMITS["p99"]
        or one["end_s"] > LIMITS["end"] + 0.5
        or one["kept"] < one["calls"]
        for one in data["troubles"]
    )


def table(data: Data) -> str:
    """A row for each trouble."""
    rows = [
        (
            one["trouble"],
            *("{:.1f}, {:.1f}".format(*one[kind]) for kind in ("put_us", "log_us")),
            *(f"{one['log_us'][at] / one['put_us'][at]:.2f} ×" for at in (0, 1)),
            f"{one['end_s']:.2f}",
            f"{one['kept']:,} of {one['calls']:,}",
        )
        for one in data["troubles"]
    ]
    heads = (
        "service",
        "`queue.put` median, p99 µs",
        "`run.log` median, p99 µs",
        "median",
        "p99",
        "end s",
        "steps kept",
    )
    return grid(heads, rows)


def timed(
    call: Callable[[dict[str, float], int], None], first: int, scalars: int, pace_ms: float
) -> list[float]:
    """Microseconds of each of a block of calls."""
    times = []
    due = time.perf_counter()
    for step in range(first, first + BLOCK):
        metrics = {f"critic/metric_{i}": random.random() for i in range(scalars)}
        due += pace_ms / 1000
        time.sleep(max(0.0, due - time.perf_counter()))
        begun = time.perf_counter_ns()
        call(metrics, step)
        times.append((time.perf_counter_ns() - begun) / 1000)
    return times


def summary(times: list[float]) -> tuple[float, float]:
    return statistics.median(times), statistics.quantiles(times, n=100)[98]


@contextlib.contextmanager
def service_in(trouble: str | int) -> Iterator[tuple[str, FakeService | None]]:
    """A service in this kind of trouble; it has not answered from the beginning."""
    if trouble == "refused":
        yield f"http://127.0.0.1:{free_port()}", None
        return
    with contextlib.suppress(OSError), running() as service:
        service.mode = "ok" if trouble == "gone" else trouble
        yield service.url, service


@contextlib.contextmanager
def consumed_queue() -> Iterator["queue.Queue[dict[str, float] | None]"]:
    bare: queue.Queue[dict[str, float] | None] = queue.Queue()

    def consume() -> None:
        while bare.get() is not None:
            pass

    thread = threading.Thread(target=consume, daemon=True)
    thread.start()
    yield bare
    bare.put(None)
    thread.join()


def in_spool(folder: Path) -> set[int]:
    lines = b"".join(file.read_bytes() for file in folder.rglob("steps.jsonl"))
    return {int(step) for step in re.findall(rb'\{"step":(\d+)', lines)}


def main() -> int:
    """Measure and print; 1 if a limit is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=2000, help="calls of each kind per service")
    parser.add_argument("--scalars", type=int, default=20)
    parser.add_argument("--pace-ms", type=float, default=2.0)
    options = parser.parse_args()
    data = measure(options.calls, options.scalars, options.pace_ms)
    show(table(data))
    return int(missed(data))


if __name__ == "__main__":
    sys.exit(main())
