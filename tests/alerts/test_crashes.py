"""Power cuts of the worker and of the database."""

import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from gadwatch_service.alerts.adapters.registry import Adapters
from gadwatch_service.clock import utc_now
from gadwatch_service.store import migrate
from gadwatch_service.store.database import Database
from gadwatch_service.store.embedded import EmbeddedPostgres
from tests.alerts.office import Office, facts, finding
from tests.alerts.receivers import Answer, Received, Receiver, eventually

pytestmark = pytest.mark.anyio

ROOT = Path(__file__).parents[2]


@pytest.fixture
async def office(database: Database, adapters: Adapters) -> AsyncIterator[Office]:
    async with Office.open(database, adapters) as one:
        one.time = utc_now()
        yield one


@contextmanager
def process(url: str, task: str) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-m", "tests.alerts.worker_process", url, task]
    running = subprocess.Popen(command, cwd=ROOT)
    try:
        yield running
    finally:
        running.kill()
        running.wait()


async def test_a_worker_killed_between_sending_and_recording_sends_again_under_the_same_id(
    office: Office, receiver: Receiver, database_url: str
) -> None:
    await office.endpoint(receiver.url)
    await office.change(finding())
    with process(database_url, "deliver") as worker:

        def kill_the_sender(_request: Received) -> Answer:
            os.kill(worker.pid, signal.SIGKILL)
            worker.wait()
            return Answer()

        receiver.answer = kill_the_sender
        await eventually(lambda: worker.poll() is not None, 30)
    [delivery] = await office.rows("SELECT * FROM deliveries")
    assert (delivery["state"], delivery["attempts"]) == ("pending", 0)
    receiver.answers(200, "ok")
    await office.deliver()
    assert len(receiver.requests) == 1, "its lease still holds"
    office.passes(seconds=90)
    await office.deliver()
    assert receiver.ids == [delivery["delivery_id"]] * 2
    [delivery] = await office.rows("SELECT * FROM deliveries")
    assert delivery["state"] == "delivered"


async def test_what_was_committed_is_sent_though_its_process_died_at_once(
    office: Office, receiver: Receiver, database_url: str
) -> None:
    await office.endpoint(receiver.url)
    with process(database_url, "commit") as committing:
        await eventually(lambda: committing.poll() is not None, 30)
    assert committing.returncode == -signal.SIGKILL
    office.time = utc_now()
    await office.deliver()
    assert len(receiver.requests) == 1


async def test_two_worker_processes_share_without_doubling(
    office: Office, receiver: Receiver, database_url: str
) -> None:
    await office.endpoint(receiver.url)
    with process(database_url, "deliver"), process(database_url, "deliver"):
        for number in range(40):
            await office.change(finding(), run=facts(f"run-{number}"))
        await eventually(lambda: len(receiver.requests) >= 40, 30)
    assert len(receiver.ids) == 40
    assert len(set(receiver.ids)) == 40


@pytest.mark.slow
async def test_a_restart_of_the_database_loses_nothing(
    adapters: Adapters, receiver: Receiver
) -> None:
    with TemporaryDirectory() as folder, EmbeddedPostgres(Path(folder)) as server:
        url = server.url()
        migrate.upgrade(url)
        database = Database(url)
        async with Office.open(database, adapters) as office:
            await office.endpoint(receiver.url)
            await office.change(finding(), run=facts("before"))
            with process(url, "deliver"):
                await eventually(lambda: len(receiver.requests) == 1, 30)
                await database.close()
                server.stop()
                server.start()
                assert server.url() == url
                office.time = utc_now()
                await office.change(finding(), run=facts("after"))
                await eventually(lambda: len(receiver.requests) == 2, 30)
        await database.close()
    assert len(set(receiver.ids)) == 2
