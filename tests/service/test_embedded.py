import threading
from pathlib import Path

import psycopg
import pytest

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
