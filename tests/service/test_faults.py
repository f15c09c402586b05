"""What must hold when something dies: every acknowledged step is there once, and the state is
that of a replay. All with real processes."""

import itertools
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Self

import httpx2
import psycopg
import pytest
from tests.service.pushing import healthy_steps
from tests.serving import ServedProcess, serve, wait_until

from gadwatch_rules import Engine, Step
from gadwatch_service.store import migrate
from gadwatch_service.store.embedded import EmbeddedPostgres

pytestmark = pytest.mark.slow

RUN = "warmup-7"
BATCH = 20


class Pusher:
    """Pushes batch after batch in a thread and knows which were acknowledged.

    Like the hook it sends a batch again until it is taken.
    """

    def __init__(self, served: ServedProcess, run: str = RUN, batch: int = BATCH) -> None:
        self.served = served
        self.run = run
        self.acknowledged: list[dict[str, Any]] = []
        self._batch = batch
        self._client: httpx2.Client | None = None
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._push_on)

    def __enter__(self) -> Self:
        with self.served.client() as client:
            wish = {"id": self.run, "stage": "warmup", "warmup_steps": 253}
            client.post("/api/v1/runs", json=wish).raise_for_status()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._thread.join()
        if self._client is not None:
            self._client.close()

    def wait_for(self, steps: int, deadline: float = 60.0) -> None:
        """Until so many steps were acknowledged."""
        wait_until(lambda: len(self.acknowledged) >= steps, deadline, f"{steps} steps")

    def _push_on(self) -> None:
        for start in itertools.count(1, self._batch):
            steps = healthy_steps(start, start + self._batch - 1, seed=start)
            while not self._pushed(steps):
                if self._stopped.wait(0.05):
                    return
            self.acknowledged += steps
            if self._stopped.is_set():
                return

    def _pushed(self, steps: list[dict[str, Any]]) -> bool:
        served = self.served
        if self._client is None or self._client.base_url != served.url:
            self._client = served.client()
        try:
            path = f"/api/v1/runs/{self.run}/steps"
            return self._client.post(path, json={"steps": steps}, timeout=30).status_code == 200
        except httpx2.TransportError:
            return False


def check(served: ServedProcess, run: str, acknowledged: list[dict[str, Any]]) -> None:
    """Hold what the service has against what it acknowledged, and its state against a replay."""
    with served.client() as client:
        wait_until(lambda: not replay_is_due(client, run), 30, "the replay")
        text = client.get(f"/api/v1/runs/{run}/export?format=jsonl", timeout=60).text
        assessment = client.get(f"/api/v1/runs/{run}/assessment").json()
    stored = [json.loads(line) for line in text.splitlines()]
    numbers = [one["step"] for one in stored]
    assert len(numbers) == len(set(numbers))
    by_step = {one["step"]: one["metrics"] for one in stored}
    for one in acknowledged:
        assert by_step[one["step"]] == one["metrics"]
    engine = Engine.for_run(stage="warmup", warmup_steps=253)
    state = engine.new_state()
    engine.advance(state, [Step(one["step"], one["metrics"]) for one in stored])
    assert engine.assess(state, run).as_dict() == assessment


def replay_is_due(client: httpx2.Client, run: str) -> bool:
    """Whether the counted steps are not yet those of the assessment."""
    detail = client.get(f"/api/v1/runs/{run}").json()
    return bool(client.get(f"/api/v1/runs/{run}/assessment").json()["steps"] != detail["steps"])


@pytest.mark.parametrize("poll", ["60", "0.05"], ids=["ingest", "sealing"])
def test_a_killed_service_loses_nothing(database_url: str, tmp_path: Path, poll: str) -> None:
    environment = {"GADWATCH_POLL_SECONDS": poll}
    with serve(tmp_path, database_url, **environment) as first, Pusher(first) as pusher:
        pusher.wait_for(300)
        first.kill()
        before = len(pusher.acknowledged)
        with serve(tmp_path, database_url, **environment) as second:
            pusher.served = second
            pusher.wait_for(before + 100)
            pusher.__exit__()
            check(second, RUN, pusher.acknowledged)


def test_a_killed_postgres_loses_nothing(data_dir: Path) -> None:
    with serve(data_dir, None) as served, Pusher(served) as pusher:
        pusher.wait_for(200)
        postmaster = int((data_dir / "postgres" / "postmaster.pid").read_text().split()[0])
        os.kill(postmaster, signal.SIGKILL)
        before = len(pusher.acknowledged)
        pusher.wait_for(before + 100, deadline=90)
        pusher.__exit__()
        check(served, RUN, pusher.acknowledged)


def test_a_service_that_was_killed_leaves_its_postgres_to_the_next(data_dir: Path) -> None:
    with serve(data_dir, None) as first, Pusher(first) as pusher:
        pusher.wait_for(100)
        first.kill()
        with serve(data_dir, None) as second:
            pusher.served = second
            pusher.wait_for(200)
            pusher.__exit__()
            check(second, RUN, pusher.acknowledged)
    assert not EmbeddedPostgres(data_dir).is_alive()


@pytest.fixture
def small_disk(data_dir: Path) -> Iterator[Path]:
    """A data folder on a disk of 200 MiB."""
    command = ["mount", "-t", "tmpfs", "-o", "size=200m,mode=711", "tmpfs", str(data_dir)]
    if os.geteuid() != 0 or subprocess.run(command, check=False, capture_output=True).returncode:
        pytest.skip("a small disk can be made by root only, where mounting is allowed")
    yield data_dir
    subprocess.run(["umount", "-l", str(data_dir)], check=True)


def test_a_full_disk_refuses_steps_and_takes_them_again_when_there_is_room(
    small_disk: Path,
) -> None:
    with serve(small_disk, None) as served, Pusher(served, batch=200) as pusher:
        pusher.wait_for(200)
        filler = small_disk / "filler"
        with filler.open("wb", buffering=0) as file:
            try:
                while True:
                    file.write(bytes(2**16))
            except OSError:
                pass
        stuck = Progress(lambda: len(pusher.acknowledged))
        wait_until(lambda: stuck.has_stood_still_for(2.0), 60, "a refusal")
        filler.unlink()
        pusher.wait_for(len(pusher.acknowledged) + 400, deadline=90)
        pusher.__exit__()
        check(served, RUN, pusher.acknowledged)


class Progress:
    """Watches a count that grows."""

    def __init__(self, count: Callable[[], int]) -> None:
        self._count = count
        self._last = count()
        self._since = time.monotonic()

    def has_stood_still_for(self, seconds: float) -> bool:
        now = self._count()
        if now != self._last:
            self._last, self._since = now, time.monotonic()
        return time.monotonic() - self._since > seconds


def test_a_client_that_leaves_half_way_stores_nothing(service: ServedProcess) -> None:
    with service.client() as client:
        client.post("/api/v1/runs", json={"id": RUN}).raise_for_status()
        host, port = service.url.removeprefix("http://").split(":")
        body = json.dumps({"steps": healthy_steps(1, 50)}).encode()
        head = (
            f"POST /api/v1/runs/{RUN}/steps HTTP/1.1\r\nHost: {host}\r\n"
            f"Authorization: Bearer {service.token}\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        with socket.create_connection((host, int(port))) as connection:
            connection.sendall(head.encode() + body[: len(body) // 2])
        assert client.get(f"/api/v1/runs/{RUN}").json()["steps"] == 0
        reply = client.post(f"/api/v1/runs/{RUN}/steps", content=body)
        assert reply.json()["accepted"] == 50


def test_the_same_batch_sent_three_times_at_once_is_stored_once(service: ServedProcess) -> None:
    with service.client() as client:
        client.post("/api/v1/runs", json={"id": RUN, "stage": "warmup", "warmup_steps": 253})
    steps = healthy_steps(1, 60)
    replies: list[dict[str, Any]] = []

    def send() -> None:
        with service.client() as client:
            reply = client.post(f"/api/v1/runs/{RUN}/steps", json={"steps": steps}, timeout=30)
            replies.append(reply.json())

    threads = [threading.Thread(target=send) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(one["accepted"] for one in replies) == [0, 0, 60]
    assert sorted(one["duplicate"] for one in replies) == [0, 60, 60]
    check(service, RUN, steps)


def test_two_processes_give_the_results_of_one(database_url: str, tmp_path: Path) -> None:
    steps = healthy_steps(1, 240)
    with (
        serve(tmp_path / "a", database_url, GADWATCH_POLL_SECONDS="0.1") as one,
        serve(tmp_path / "b", database_url, GADWATCH_POLL_SECONDS="0.1") as other,
    ):
        with one.client() as client:
            for run in (RUN, "own-0", "own-1"):
                wish = {"id": run, "stage": "warmup", "warmup_steps": 253}
                client.post("/api/v1/runs", json=wish).raise_for_status()

        def send(served: ServedProcess, own: str, offset: int) -> None:
            with served.client() as client:
                for start in range(0, 240, 10):
                    part = steps[start : start + 10]
                    # Both push the same run, each every other batch, at the same time.
                    if start // 10 % 2 == offset:
                        path = f"/api/v1/runs/{RUN}/steps"
                        client.post(path, json={"steps": part}, timeout=30).raise_for_status()
                    path = f"/api/v1/runs/{own}/steps"
                    client.post(path, json={"steps": part}, timeout=30).raise_for_status()

        threads = [
            threading.Thread(target=send, args=(served, f"own-{offset}", offset))
            for offset, served in enumerate((one, other))
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for served in (one, other):
            for run in (RUN, "own-0", "own-1"):
                check(served, run, steps)


_MIGRATE = "import sys; from gadwatch_service.store import migrate; migrate.upgrade(sys.argv[1])"


@pytest.fixture
def empty_database_url(embedded: EmbeddedPostgres) -> Iterator[str]:
    """A database without any schema."""
    address = embedded.url("postgres").replace("+psycopg", "")
    with psycopg.connect(address, autocommit=True) as connection:
        connection.execute("CREATE DATABASE test_empty")
        yield embedded.url("test_empty")
        connection.execute("DROP DATABASE test_empty WITH (FORCE)")


def test_migrations_at_once_and_killed_ones_end_with_one_schema(empty_database_url: str) -> None:
    def begin() -> subprocess.Popen[bytes]:
        return subprocess.Popen([sys.executable, "-c", _MIGRATE, empty_database_url])

    killed = begin()
    address = empty_database_url.replace("+psycopg", "")

    def is_migrating() -> bool:
        with psycopg.connect(address) as connection:
            found = connection.execute(
                "SELECT 1 FROM pg_stat_activity WHERE datname = 'test_empty' AND pid <> "
                "pg_backend_pid()"
            ).fetchone()
        return found is not None or killed.poll() is not None

    wait_until(is_migrating, 30, "the migration's connection")
    killed.kill()
    killed.wait()
    both = [begin(), begin()]
    assert [one.wait(60) for one in both] == [0, 0]
    assert migrate.differences(empty_database_url) == []
