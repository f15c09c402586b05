"""What `run.log` costs the training thread, against a bare `queue.put` in the same run.

    python bench/hook.py [--calls 2000] [--scalars 20] [--pace-ms 2]

Each block times 100 calls of one kind, paced like training steps, and the kinds take turns, so
that both see the same machine. `queue.put` has a consumer, as any logger built on it has.
"""

import argparse
import contextlib
import os
import platform
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

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tests.hooks.fake_service import FakeService, running
from tests.serving import free_port

import gadwatch_hooks

BLOCK = 100
TROUBLES: tuple[str | int, ...] = ("ok", "hang", "garbage", 500, 429, "refused", "gone")
LIMITS = {"median": 1.5, "p99": 3.0, "end": 5.0}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=2000, help="calls of each kind per service")
    parser.add_argument("--scalars", type=int, default=20)
    parser.add_argument("--pace-ms", type=float, default=2.0)
    options = parser.parse_args()
    print(
        f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}; "
        f"{options.calls} calls each, {options.scalars} scalars, every {options.pace_ms:g} ms"
    )
    print(
        "| service | queue.put median, p99 µs | run.log median, p99 µs "
        "| median × | p99 × | end s | steps kept |"
    )
    print("|---|---|---|---|---|---|---|")
    missed = False
    for trouble in TROUBLES:
        with tempfile.TemporaryDirectory() as folder:
            os.environ["GADWATCH_DATA_DIR"] = folder
            missed |= measure(trouble, options)
    return int(missed)


def measure(trouble: str | int, options: argparse.Namespace) -> bool:
    """One line of the table; whether it missed a limit."""
    with service_in(trouble) as (url, service):
        run = gadwatch_hooks.init(id="bench", url=url)
        if trouble == "gone" and service is not None:
            service.close()
        puts: list[float] = []
        logs: list[float] = []
        with consumed_queue() as bare:
            step = 0
            while len(logs) < options.calls:
                puts += timed(lambda metrics, _: bare.put(metrics), step, options)
                logs += timed(lambda metrics, step: run.log(metrics, step=step), step, options)
                step += BLOCK
        started = time.perf_counter()
        run.finish()
        end = time.perf_counter() - started
        kept = in_spool(Path(os.environ["GADWATCH_DATA_DIR"]))
        kept |= set(service.steps()) if service is not None else set()
    put_median, put_p99 = summary(puts)
    log_median, log_p99 = summary(logs)
    print(
        f"| {trouble} | {put_median:.1f}, {put_p99:.1f} | {log_median:.1f}, {log_p99:.1f} "
        f"| {log_median / put_median:.2f} | {log_p99 / put_p99:.2f} | {end:.2f} "
        f"| {len(kept)} of {len(logs)} |",
        flush=True,
    )
    return (
        log_median / put_median > LIMITS["median"]
        or log_p99 / put_p99 > LIMITS["p99"]
        or end > LIMITS["end"] + 0.5
        or len(kept) < len(logs)
    )


def timed(
    call: Callable[[dict[str, float], int], None], first: int, options: argparse.Namespace
) -> list[float]:
    """Microseconds of each of a block of calls."""
    times = []
    due = time.perf_counter()
    for step in range(first, first + BLOCK):
        metrics = {f"critic/metric_{i}": random.random() for i in range(options.scalars)}
        due += options.pace_ms / 1000
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


if __name__ == "__main__":
    sys.exit(main())
