"""Several processes on one port."""

import os
import signal
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
from tests.service.pushing import healthy_steps
from tests.serving import serve, wait_until

pytestmark = pytest.mark.slow


def helpers_of(pid: int) -> list[psutil.Process]:
    """The helper processes that live."""
    found = []
    for one in psutil.Process(pid).children():
        with suppress(psutil.ZombieProcess, psutil.NoSuchProcess):
            if "spawn_main" in " ".join(one.cmdline()):
                found.append(one)
    return found


def test_helpers_serve_die_are_replaced_and_end_with_the_first(
    database_url: str, tmp_path: Path
) -> None:
    with serve(tmp_path, database_url, GADWATCH_PROCESSES="2") as served:
        first = served.process.pid
        wait_until(lambda: len(helpers_of(first)) == 1, 30, "a helper")
        with served.client() as client:
            wish = {"id": "r", "stage": "warmup", "warmup_steps": 253}
            client.post("/api/v1/runs", json=wish).raise_for_status()
        for start in range(1, 100, 10):
            # A new connection each time, so that either process may get it.
            with served.client() as client:
                body = {"steps": healthy_steps(start, start + 9)}
                reply = client.post("/api/v1/runs/r/steps", json=body, timeout=30)
                assert reply.json()["accepted"] == 10
        old = helpers_of(first)[0]
        old.kill()
        wait_until(
            lambda: [one.pid for one in helpers_of(first)] not in ([], [old.pid]), 30, "another"
        )
        (last,) = helpers_of(first)
        os.kill(first, signal.SIGKILL)
        served.process.wait()
        wait_until(lambda: not last.is_running(), 30, "the helper's end")
