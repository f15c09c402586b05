"""Many runs beside each other, and how long a page of their list takes."""

import httpx2
import psycopg

from bench.machine import median
from bench.timing import timed_requests

QUERIES = ("", "?sort=-latest:critic/d_acc", "?q=run-77&sort=name", "?health=critical")


async def measure_counts(
    client: httpx2.AsyncClient, url: str, model: str, counts: tuple[int, ...]
) -> list[dict[str, float]]:
    """Milliseconds of each kind of list at each number of runs, copied from the run ``model``."""
    taken = []
    for count in counts:
        with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as connection:
            make_runs(connection, model, count)
        times = {
            query: median(await timed_requests(client, [f"/api/v1/runs{query}"] * 9))
            for query in QUERIES
        }
        taken.append({"runs": count, **times})
    return taken


def make_runs(connection: psycopg.Connection[tuple[str]], model: str, count: int) -> None:
    """Fill the tables of runs up to ``count`` rows by copying one real run."""
    made = {
        "run_id": "'many-' || n",
        "name": "'run-' || n",
        "created_at": "created_at + n * interval '1 minute'",
        "health": "(ARRAY['ok', 'warning', 'critical', 'unknown'])[1 + n %% 4]",
        "latest": "jsonb_set(latest, '{critic/d_acc}', to_jsonb(n %% 97 / 100.0))",
    }
    for table in ("runs", "run_states"):
        columns = [
            row[0]
            for row in connection.execute(
                "SELECT column_name FROM information_schema.columns WHERE table_name = %s",
                [table],
            ).fetchall()
        ]
        values = ", ".join(made.get(name, name) for name in columns)
        connection.execute(
            f"INSERT INTO {table} ({', '.join(columns)}) SELECT {values} FROM {table}, "
            f"generate_series(1, {count}) AS n WHERE run_id = %s ON CONFLICT DO NOTHING",
            [model],
        )
    connection.execute("ANALYZE runs, run_states")
