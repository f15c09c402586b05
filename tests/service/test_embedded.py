import os
import signal
import subprocess
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psycopg
import pytest
from tests.serving import wait_until

from gadwatch_service.store.embedded import EmbeddedError, EmbeddedPostgres

pytestmark = pytest.mark.slow


def one(server: EmbeddedPostgres) -> int:
    address = server.url().replace("+psycopg", "")
    with psycopg.connect(address) as connection:
        row = connection.execute("SELECT 1").fetchone()
    assert row is not None
    return int(row[0])


def test_several_start_it_at_once_and_the_last_to_leave_stops_it(data_dir: Path) -> None:
    users = [EmbeddedPostgres(data_dir) for _ in range(3)]
    threads = [threading.Thread(target=user.start) for user in users]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [one(user) for user in users] == [1, 1, 1]
    for user in users[:2]:
        user.stop()
        assert users[2].is_alive()
    users[2].stop()
    assert not users[2].is_alive()
    with EmbeddedPostgres(data_dir) as again:
        assert one(again) == 1


def test_what_keeps_it_from_starting_is_said(data_dir: Path) -> None:
    folder = data_dir / "postgres"
    folder.mkdir()
    (folder / "PG_VERSION").write_text("9\n")
    with pytest.raises(EmbeddedError, match="postgres"):
        EmbeddedPostgres(data_dir).start()


@pytest.fixture
def neighbours(embedded: EmbeddedPostgres) -> Iterator[list[int]]:
    """Processes that are no server: one that lives, a dead one of ours, a dead one of its."""
    # Of Postgres' own account, whose processes it must take for a server of its own.
    with (
        subprocess.Popen(["sleep", "60"], user=embedded._user) as alive,
        subprocess.Popen(["true"], user=embedded._user) as ours,
        subprocess.Popen(
            # What the shell becomes does not know its child, so nobody reaps it.
            ["sh", "-c", "true & echo $!; exec sleep 60"],
            stdout=subprocess.PIPE, user=embedded._user,
        ) as parent,
    ):  # fmt: skip
        assert parent.stdout is not None
        yield [alive.pid, ours.pid, int(parent.stdout.readline())]
        alive.kill()
        parent.kill()


def test_a_number_left_by_a_dead_server_is_not_taken_for_one(
    data_dir: Path, neighbours: list[int]
) -> None:
    file = data_dir / "postgres" / "postmaster.pid"
    with EmbeddedPostgres(data_dir) as server:
        for number in neighbours:
            os.kill(int(file.read_text().split()[0]), signal.SIGKILL)
            wait_until(lambda: not server.is_alive(), what="the server's end")
            _, _, rest = file.read_text().partition("\n")
            file.write_text(f"{number}\n{rest}")
            assert not server.is_alive()
            wait_until(lambda: starts(server), what="its start")
            assert one(server) == 1


def starts(server: EmbeddedPostgres) -> bool:
    """It does not while processes of the dead one hold its memory."""
    with suppress(EmbeddedError):
        server.start()
    return server.is_alive()


def test_a_start_that_was_cut_short_is_completed_by_the_next(data_dir: Path) -> None:
    with EmbeddedPostgres(data_dir) as first:
        address = first.url("postgres").replace("+psycopg", "")
        with psycopg.connect(address, autocommit=True) as connection:
            connection.execute("DROP DATABASE gadwatch")
        with EmbeddedPostgres(data_dir) as second:
            assert one(second) == 1
