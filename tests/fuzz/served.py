"""A service to throw things at, with a run in it."""

import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.databases import cloned
from tests.serving import ServedProcess, serve

from gadwatch_service.store.embedded import EmbeddedPostgres

RUN = "fuzz"

_SERVE_ALL = (
    "from gadwatch_dashboards import install; "
    "from gadwatch_service.server import run_server; "
    "from gadwatch_service.settings import load_settings; "
    "run_server(load_settings(), [install])"
)


@contextmanager
def serve_for_fuzzing(embedded: EmbeddedPostgres, folder: Path) -> Iterator[ServedProcess]:
    """Pages included, on a database of its own; at the end it must be alive and unhurt."""
    with (
        cloned(embedded) as url,
        serve(folder, url, program=_SERVE_ALL, GADWATCH_RUN_WORKERS="false") as process,
    ):
        with process.client() as client:
            client.post("/api/v1/runs", json={"id": RUN, "stage": "warmup"})
            steps = [{"step": s, "metrics": {"critic/d_acc": 0.9}} for s in range(20)]
            client.post(f"/api/v1/runs/{RUN}/steps", json={"steps": steps})
        yield process
        assert process.process.poll() is None, "the service died"
        told = f"requests answered, by status: {_answers(process)}"
        print(f"\n{told}")  # noqa: T201 - the figure that `make fuzz` is run for


def _answers(process: ServedProcess) -> str:
    """How many requests the service has answered with each status, all in all first."""
    with process.client() as client:
        lines = client.get("/metrics").text
    found: Counter[str] = Counter()
    for status, count in re.findall(
        r'^gadwatch_http_requests_total{[^}]*status="(\d+)"} (\S+)', lines, re.MULTILINE
    ):
        found[status] += int(float(count))
    return f"{found.total():,} ({', '.join(f'{s}: {n:,}' for s, n in sorted(found.items()))})"
