"""What grows with a run's length and with the number of runs: ``python -m bench.growth``.

Long runs are written straight into blocks; everything that is measured then goes the way of a
request through the service.
"""

import argparse
import asyncio
import tempfile
from pathlib import Path
from typing import Any

import httpx2
from tests.serving import opened

from bench.long_run import lengthen, pushed
from bench.machine import median
from bench.report import Data, grid, show
from bench.run_list import QUERIES, measure_counts
from bench.timing import both_clocks, timed_requests
from gadwatch_service.ingest.parse import Push, PushedStep
from gadwatch_service.settings import Settings
from gadwatch_service.store.database import driver_connection
from gadwatch_service.upkeep.sealing import seal

LENGTHS = (1_000, 10_000, 100_000, 1_000_000)
COUNTS = (10, 1_000, 10_000)
TURNS, BLOCK = 20, 50


def measure(lengths: tuple[int, ...] = LENGTHS, counts: tuple[int, ...] = COUNTS) -> Data:
    """Chart, assessment and a step at each length; the list at each number of runs."""
    return asyncio.run(_measure(lengths, counts))


async def _measure(lengths: tuple[int, ...], counts: tuple[int, ...]) -> Data:
    with tempfile.TemporaryDirectory(prefix="gadwatch-") as folder:
        settings = Settings(data_dir=Path(folder), run_workers=False)
        async with opened(settings) as client:
            state = client.app.state  # type: ignore[attr-defined] # hung on it by `opened`
            grown = [await _measure_length(client, state, length) for length in lengths]
            size = await bytes_a_point(state)
            model = f"run-{lengths[0]}"
            listed = await measure_counts(client, state.embedded.url(), model, counts)
    return {"lengths": grown, "bytes": size, "counts": listed}


async def _measure_length(client: httpx2.AsyncClient, state: Any, length: int) -> dict[str, float]:
    run, fresh = f"run-{length}", f"fresh-{length}"
    for name in (run, fresh):
        await client.post("/api/v1/runs", json={"id": name, "stage": "warmup", "warmup_steps": 253})
    await state.ingest.push(run, Push(steps=pushed(1, 300, 0)))
    end = await lengthen(state, run, length)
    steps = await step_costs(state, fresh, run, end)
    async with state.keeper.hold(run) as hold:
        await seal(hold)
    await _vacuum(state)
    address = f"/api/v1/runs/{run}"
    # Another metric each time: an answer is kept for a second, for several who ask for the same.
    lines = [f"{address}/series?metric=perf/metric_{n}&points=2000" for n in range(9)]
    middle = length // 2
    addresses = {
        "chart": lines,
        "wall": [f"{line}&axis=wall" for line in lines],
        "zoom": [f"{line}&from={middle}&to={middle + 5000}" for line in lines],
        "assessment": [f"{address}/assessment"] * 9,
    }
    times = {name: median(await timed_requests(client, one)) for name, one in addresses.items()}
    return {"steps": length, **times, **steps}


async def step_costs(state: Any, fresh: str, long: str, end: int) -> dict[str, float]:
    """Milliseconds a step, one step a request: a run's first 1000 and a long run's last 1000.

    The two take turns, so that other work on the machine troubles them alike.
    """
    kinds = {
        "first": (fresh, pushed(1, TURNS * BLOCK, 1)),
        "last": (long, pushed(end + 1, 1000, 2)),
    }
    clocks: dict[str, list[tuple[float, float]]] = {name: [] for name in kinds}
    for turn in range(TURNS):
        for name, (run, steps) in kinds.items():
            block = steps[turn * BLOCK : (turn + 1) * BLOCK]
            clocks[name].append(await both_clocks(_push_singly(state, run, block)))
    return {
        f"{name}_{clock}": median([one[at] for one in taken]) / BLOCK
        for name, taken in clocks.items()
        for at, clock in enumerate(("wall", "processor"))
    }


async def _push_singly(state: Any, run: str, steps: list[PushedStep]) -> None:
    for step in steps:
        await state.ingest.push(run, Push(steps=[step]))


async def _vacuum(state: Any) -> None:
    """What autovacuum would have done by then."""
    async with state.database.drivers.connection() as driver:
        await driver.execute("SET statement_timeout = 0")
        await driver.execute("VACUUM ANALYZE blocks, tail, run_states, runs")


async def bytes_a_point(state: Any) -> float:
    """Bytes of the sealed blocks with their indexes and TOAST, divided by their values."""
    async with state.database.connection() as connection:
        driver = await driver_connection(connection)
        cursor = await driver.execute(
            "SELECT pg_total_relation_size('blocks'), sum(count) FROM blocks WHERE metric >= 0"
        )
        row = await cursor.fetchone()
    assert row is not None
    return float(row[0]) / float(row[1])


def table(data: Data) -> str:
    """One table for lengths, one for numbers of runs."""
    lengths = [
        (
            f"{one['steps']:,}",
            *(f"{one[name]:.1f}" for name in ("chart", "wall", "zoom", "assessment")),
            f"{one['first_wall']:.2f} ({one['first_processor']:.2f})",
            f"{one['last_wall']:.2f} ({one['last_processor']:.2f})",
        )
        for one in data["lengths"]
    ]
    heads = (
        "steps",
        "chart ms",
        "by wall time ms",
        "zoomed ms",
        "assessment ms",
        "one of the first 1000 steps: ms (processor)",
        "one of the last 1000 steps",
    )
    counts = [
        (f"{one['runs']:,}", *(f"{one[query]:.1f}" for query in QUERIES)) for one in data["counts"]
    ]
    names = ("newest ms", "by a latest value ms", "searched, by name ms", "critical ones ms")
    return "\n\n".join(
        (
            grid(heads, lengths),
            f"{data['bytes']:.2f} bytes a point once sealed, indexes included.",
            grid(("runs", *names), counts),
        )
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lengths", type=int, nargs="*", default=LENGTHS)
    parser.add_argument("--counts", type=int, nargs="*", default=COUNTS)
    options = parser.parse_args()
    show(table(measure(tuple(options.lengths), tuple(options.counts))))


if __name__ == "__main__":
    main()
