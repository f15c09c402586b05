"""How fast the pages are, in a real browser: ``python -m bench.pages``.

A run of a million steps with a hundred metrics is written straight into blocks; then the real
service is started on that database and a real Chromium opens its page. Pages are opened with empty
caches, as a newcomer's are.
"""

import argparse
import asyncio
import tempfile
from pathlib import Path

import psycopg
from tests.serving import ServedProcess, opened, serve

from bench.browsing import Loaded, chromium, load_page, log_in, watch
from bench.long_run import lengthen, pushed
from bench.machine import median
from bench.report import Data, grid, show
from bench.run_list import make_runs
from bench.timing import seconds_of
from gadwatch_service.ingest.parse import Push
from gadwatch_service.settings import Settings
from gadwatch_service.store.embedded import EmbeddedPostgres

STEPS, WIDTH, RUNS, WATCHERS = 1_000_000, 100, 10_000, 20
ROUNDS, LOADS, SECONDS = 9, 5, 20
PATHS = {"run": "/runs/long", "list": "/", "list, worst first": "/?sort=attention"}


def measure(steps: int = STEPS, runs: int = RUNS, watchers: int = WATCHERS) -> Data:
    """The long run's page and the long list: HTML and in the browser; many pages on a live run."""
    with tempfile.TemporaryDirectory(prefix="gadwatch-") as folder:
        fill(Path(folder), steps, runs)
        return measure_filled(Path(folder), steps, runs, watchers)


def measure_filled(data_dir: Path, steps: int, runs: int, watchers: int) -> Data:
    """The same on data that :func:`fill` has made."""
    with EmbeddedPostgres(data_dir), serve(data_dir, None) as service:
        html = {name: html_ms(service, path) for name, path in PATHS.items()}
        with chromium() as browser:
            session = log_in(browser, service)
            loaded = {
                name: [load_page(browser, session, service, path) for _ in range(LOADS)]
                for name, path in list(PATHS.items())[:2]
            }
            live = {
                str(count): watch(browser, session, service, data_dir, count, SECONDS)
                for count in (0, watchers)
            }
    return {
        "steps": steps,
        "metrics": WIDTH,
        "runs": runs,
        "html": html,
        "loaded": {name: _medians(rounds) for name, rounds in loaded.items()},
        "live": live,
    }


def fill(data_dir: Path, steps: int, runs: int) -> None:
    """The long run and the many; takes a minute or two for a million steps."""
    with EmbeddedPostgres(data_dir) as postgres:
        asyncio.run(_fill(data_dir, steps))
        with psycopg.connect(postgres.url().replace("+psycopg", ""), autocommit=True) as link:
            make_runs(link, "model", runs)
            link.execute("VACUUM ANALYZE")


async def _fill(data_dir: Path, steps: int) -> None:
    """The long run, the one that the list is made of, and the one that will be live."""
    settings = Settings(data_dir=data_dir, run_workers=False)
    async with opened(settings) as client:
        state = client.app.state  # type: ignore[attr-defined] # hung on it by `opened`
        for run in ("long", "model", "live"):
            wish = {"id": run, "stage": "warmup", "warmup_steps": steps}
            (await client.post("/api/v1/runs", json=wish)).raise_for_status()
            await state.ingest.push(run, Push(steps=pushed(1, 300, 0, WIDTH)))
        await lengthen(state, "long", steps, WIDTH)


def html_ms(service: ServedProcess, path: str) -> float:
    """Milliseconds until a page's HTML is there: the median."""
    with service.client() as client:
        client.headers["Accept"] = "text/html"
        client.get(path).raise_for_status()
        return 1000 * median([seconds_of(lambda: client.get(path)) for _ in range(ROUNDS)])


def _medians(rounds: list[Loaded]) -> dict[str, float]:
    return {name: median([getattr(one, name) for one in rounds]) for name in Loaded.__annotations__}


def table(data: Data) -> str:
    """A table of pages, one of what open pages cost."""
    names = {
        "run": f"run of {data['steps']:,} steps × {data['metrics']} metrics",
        "list": f"list of {data['runs']:,} runs",
        "list, worst first": "the same, worst first",
    }
    pages = []
    for name, html in data["html"].items():
        seen = data["loaded"].get(name)
        pages.append(
            (names[name], f"{html:.0f}")
            + (
                (
                    f"{seen['first_chart']:.0f}" if seen["first_chart"] else "–",
                    f"{seen['all_charts']:.0f}" if seen["all_charts"] else "–",
                    f"{seen['longest_task']:.0f}",
                    f"{seen['kilobytes']:.0f}",
                )
                if seen
                else ()
            )
        )
    live = [
        (
            count,
            f"{one['service']:.1%}",
            f"{one['postgres']:.1%}",
            f"{one['requests']:.1f}",
        )
        for count, one in data["live"].items()
    ]
    heads = ("page", "HTML ms", "first chart ms", "charts in view ms", "longest task ms", "kB")
    return "\n\n".join(
        (
            grid(heads, pages),
            grid(
                ("open pages on a run with a step a second", "service, of a core", "Postgres",
                 "requests of the pages a second"),
                live,
            ),
        )
    )  # fmt: skip


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--runs", type=int, default=RUNS)
    parser.add_argument("--watchers", type=int, default=WATCHERS)
    parser.add_argument("--data", type=Path, help="a folder to fill, or filled before, and kept")
    options = parser.parse_args()
    size = (options.steps, options.runs)
    if options.data is None:
        data = measure(*size, options.watchers)
    else:
        if not options.data.exists():
            fill(options.data, *size)
        data = measure_filled(options.data, *size, options.watchers)
    show(table(data))


if __name__ == "__main__":
    main()
