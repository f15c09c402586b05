"""What grows with a run's length and with the number of runs: ``python -m bench.growth``.

Long runs are written straight into blocks, as the sealer would have left them; everything that is
measured then goes the way of a request through the service.
"""

import argparse
import asyncio
import random
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx2
import psycopg

from bench.ingest import metrics
from bench.machine import describe, load, median
from gadwatch_service.app import create_app
from gadwatch_service.history import repository as history
from gadwatch_service.history.blocks import BLOCK_STEPS, make_group
from gadwatch_service.history.steps import StoredStep
from gadwatch_service.history.table import Table
from gadwatch_service.ingest.parse import Push, PushedStep
from gadwatch_service.settings import Settings
from gadwatch_service.store.database import driver_connection
from gadwatch_service.upkeep.sealing import seal

LENGTHS = (1_000, 10_000, 100_000, 1_000_000)
COUNTS = (10, 1_000, 10_000)
WIDTH = 50


async def timed(client: httpx2.AsyncClient, address: str, rounds: int = 9) -> float:
    """Milliseconds of a request, its way through the service included: the median."""
    taken = []
    for _ in range(rounds):
        begun = time.perf_counter()
        (await client.get(address)).raise_for_status()
        taken.append((time.perf_counter() - begun) * 1000)
    return median(taken)


def pushed(first: int, count: int, seed: int) -> list[PushedStep]:
    """Steps as they come from a trainer."""
    rng = random.Random(seed)
    return [
        PushedStep(step, metrics(rng, WIDTH), 1.7e9 + step) for step in range(first, first + count)
    ]


async def processor_ms(work: Callable[[], Awaitable[Any]]) -> float:
    """Milliseconds of this process's processor time."""
    begun = time.process_time()
    await work()
    return (time.process_time() - begun) * 1000


async def push_single_steps(state: Any, run: str, first: int, count: int) -> float:
    """Processor milliseconds a step, one step a request."""
    steps = pushed(first, count, first)

    async def work() -> None:
        for step in steps:
            await state.ingest.push(run, Push(steps=[step]))

    return await processor_ms(work) / count


async def lengthen(state: Any, run: str, first: int, last: int) -> None:
    """Give a run the blocks of steps ``first`` … ``last``; the newest attempt ends there."""
    async with state.keeper.hold(run) as hold:
        rows = [
            StoredStep(one.step, float(one.time or 0), list(one.metrics.values()))
            for one in pushed(first, BLOCK_STEPS, 1)
        ]
        for start in range(first, last, BLOCK_STEPS):
            for offset, row in enumerate(rows):
                row.step = start + offset
                row.time = 1.7e9 + row.step
            await history.add_blocks(hold.driver, run, 1, make_group(Table.of_rows(rows)))
        row = hold.run.row
        row.last_step = start + BLOCK_STEPS - 1
        row.steps = row.last_step
        hold.judged = True


async def measure_lengths(client: httpx2.AsyncClient, state: Any, lengths: list[int]) -> None:
    """Chart, assessment and cost a step at each length."""
    for length in lengths:
        run = f"run-{length}"
        await client.post("/api/v1/runs", json={"id": run, "stage": "warmup", "warmup_steps": 253})
        await state.ingest.push(run, Push(steps=pushed(1, 300, 0)))
        first = await push_single_steps(state, run, 301, 1000)
        async with state.keeper.hold(run) as hold:
            begin = hold.run.row.last_step + 1
        if length > begin:
            await lengthen(state, run, begin, length)
        async with state.keeper.hold(run) as hold:
            end = hold.run.row.last_step
        last = await push_single_steps(state, run, end + 1, 1000)
        async with state.keeper.hold(run) as hold:
            await seal(hold)
        await vacuum(state)

        address = f"/api/v1/runs/{run}"
        line = f"{address}/series?metric=critic/d_acc&points=2000"
        middle = length // 2
        chart = await timed(client, line)
        wall = await timed(client, f"{line}&axis=wall")
        zoom = await timed(client, f"{line}&from={middle}&to={middle + 5000}")
        assess = await timed(client, f"{address}/assessment")
        print(
            f"{length:>9,} steps: chart {chart:.1f} ms, by wall time {wall:.1f} ms, zoomed "
            f"{zoom:.1f} ms, assessment {assess:.1f} ms; a single step: first 1000 {first:.3f} ms, "
            f"last 1000 {last:.3f} ms of processor ({last / first:.2f} x)"
        )


async def vacuum(state: Any) -> None:
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


async def measure_counts(client: httpx2.AsyncClient, url: str, counts: list[int]) -> None:
    """The list of runs at each number of runs."""
    address = url.replace("+psycopg", "")
    for count in counts:
        with psycopg.connect(address, autocommit=True) as connection:
            make_runs(connection, count)
        for query in ("", "?sort=-latest:critic/d_acc", "?q=run-77&sort=name", "?health=critical"):
            taken = await timed(client, f"/api/v1/runs{query}")
            print(f"{count:>9,} runs: list{query or ' (newest)'} {taken:.1f} ms")


def make_runs(connection: psycopg.Connection[Any], count: int) -> None:
    """Fill the tables of runs up to ``count`` rows by copying one real run."""
    for table in ("runs", "run_states"):
        columns = [
            row[0]
            for row in connection.execute(
                "SELECT column_name FROM information_schema.columns WHERE table_name = %s",
                [table],
            ).fetchall()
        ]
        made = {
            "run_id": "'many-' || n",
            "name": "'run-' || n",
            "created_at": "created_at + n * interval '1 minute'",
            "health": "(ARRAY['ok', 'warning', 'critical', 'unknown'])[1 + n % 4]",
            "latest": "jsonb_set(latest, '{critic/d_acc}', to_jsonb(n % 97 / 100.0))",
        }
        values = ", ".join(made.get(name, name) for name in columns)
        connection.execute(
            f"INSERT INTO {table} ({', '.join(columns)}) SELECT {values} FROM {table}, "
            f"generate_series(1, {count}) AS n WHERE run_id = 'run-1000' ON CONFLICT DO NOTHING"
        )
    connection.execute("ANALYZE runs, run_states")


async def main() -> None:
    """Measure and print everything."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lengths", type=int, nargs="*", default=LENGTHS)
    parser.add_argument("--counts", type=int, nargs="*", default=COUNTS)
    options = parser.parse_args()
    print(f"{describe()}; load {load()}")
    with tempfile.TemporaryDirectory(prefix="gadwatch-") as folder:
        settings = Settings(data_dir=Path(folder), run_workers=False)
        app = create_app(settings)
        async with app.router.lifespan_context(app):
            token = settings.owner_token_path.read_text().strip()
            async with httpx2.AsyncClient(
                transport=httpx2.ASGITransport(app=app),
                base_url="http://127.0.0.1",
                headers={"Authorization": f"Bearer {token}"},
                timeout=300,
            ) as client:
                await measure_lengths(client, app.state, list(options.lengths))
                print(f"{await bytes_a_point(app.state):.2f} bytes a point, sealed, with indexes")
                await measure_counts(client, app.state.embedded.url(), list(options.counts))


if __name__ == "__main__":
    asyncio.run(main())
