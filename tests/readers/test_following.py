import json
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.serving import wait_until

from gadwatch_hooks.readers import Follower, follow

Log = Callable[..., Path]


def line(step: int, value: float = 1.0) -> str:
    return f"step:{step} - a:{value}\n"


def add(path: Path, text: str) -> None:
    with path.open("a", encoding="utf-8") as file:
        file.write(text)


def steps(follower: Follower) -> list[tuple[int, int]]:
    found = [(record.segment, record.step) for record in follower.poll()]
    follower.commit()
    return found


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "train.log"


@pytest.fixture
def position(tmp_path: Path) -> Path:
    return tmp_path / "position.json"


def test_what_is_added_is_read_once(path: Path) -> None:
    follower = Follower(path)
    assert steps(follower) == []
    add(path, "set-up\n" + line(1) + line(2))
    assert steps(follower) == [(1, 1), (1, 2)]
    add(path, "noise\n" + line(3))
    assert steps(follower) == [(1, 3)]
    assert steps(follower) == []
    follower.close()


def test_half_a_line_waits_for_its_other_half(path: Path) -> None:
    follower = Follower(path)
    add(path, line(1) + "step:2 - a:1.")
    assert steps(follower) == [(1, 1)]
    add(path, "25\n")
    [record] = follower.poll()
    assert dict(record.metrics) == {"a": 1.25}
    follower.close()


def test_a_restarted_follower_goes_on_where_it_stopped(path: Path, position: Path) -> None:
    add(path, line(1) + line(2))
    first = Follower(path, position)
    assert steps(first) == [(1, 1), (1, 2)]
    first.close()
    add(path, line(3) + line(2))
    second = Follower(path, position)
    assert steps(second) == [(1, 3), (2, 2)]
    assert second.session == first.session
    second.close()


def test_a_crash_before_the_commit_repeats_rather_than_loses(path: Path, position: Path) -> None:
    add(path, line(1) + line(2))
    crashed = Follower(path, position)
    assert len(list(crashed.poll())) == 2
    crashed.close()
    again = Follower(path, position)
    assert steps(again) == [(1, 1), (1, 2)]
    again.close()


def test_a_csv_header_is_remembered(path: Path, position: Path) -> None:
    add(path, "step,a\n1,0.5\n")
    first = Follower(path, position)
    assert steps(first) == [(1, 1)]
    first.close()
    add(path, "2,0.75\n")
    second = Follower(path, position)
    assert [dict(r.metrics) for r in second.poll()] == [{"a": 0.75}]
    second.close()


@pytest.mark.parametrize("restarted", [False, True])
def test_rotation_is_followed_to_the_end_of_the_old_file(
    path: Path, position: Path, restarted: bool
) -> None:
    add(path, line(1))
    follower = Follower(path, position)
    assert steps(follower) == [(1, 1)]
    if restarted:
        follower.close()
    add(path, line(2))
    path.rename(path.with_name("train.log.1"))
    add(path, line(3))
    if restarted:
        follower = Follower(path, position)
    assert steps(follower) == [(1, 2), (1, 3)]
    follower.close()


def test_two_rotations_between_two_looks(path: Path, position: Path) -> None:
    add(path, line(1))
    follower = Follower(path, position)
    assert steps(follower) == [(1, 1)]
    path.rename(path.with_name("train.log.2"))
    add(path, line(2))
    path.rename(path.with_name("train.log.1"))
    add(path, line(3))
    assert steps(follower) == [(1, 2), (1, 3)]
    follower.close()


@pytest.mark.parametrize("restarted", [False, True])
@pytest.mark.parametrize("count", [1, 3, 9])
def test_a_truncated_file_is_read_from_the_top_as_a_new_segment(
    path: Path, position: Path, restarted: bool, count: int
) -> None:
    rows = [{"step": step, "data": {"a": step}} for step in (1, 2, 3)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    follower = Follower(path, position)
    assert steps(follower) == [(1, 1), (1, 2), (1, 3)]
    if restarted:
        follower.close()
        follower = Follower(path, position)
    fresh = [{"step": step, "data": {"a": -step}} for step in range(1, count + 1)]
    path.write_text("".join(json.dumps(row) + "\n" for row in fresh))
    assert steps(follower) == [(2, step) for step in range(1, count + 1)]
    follower.close()


def test_a_trainer_state_is_followed_by_its_entries(tmp_path: Path, position: Path) -> None:
    path = tmp_path / "trainer_state.json"
    history = [{"loss": 1.0, "step": 10}]
    path.write_text(json.dumps({"log_history": history}))
    follower = Follower(path, position)
    assert steps(follower) == [(1, 10)]
    history.append({"loss": 0.5, "step": 20})
    path.write_text(json.dumps({"log_history": history}))
    assert steps(follower) == [(1, 20)]
    assert steps(Follower(path, position)) == []


def test_an_event_file_is_followed(tmp_path: Path, position: Path) -> None:
    pytest.importorskip("tensorboard")
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.compat.proto.summary_pb2 import Summary
    from tensorboard.summary.writer.event_file_writer import EventFileWriter

    writer = EventFileWriter(str(tmp_path))

    def write(step: int) -> None:
        value = Summary.Value(tag="a", simple_value=1.0)
        writer.add_event(Event(step=step, wall_time=1.7e9, summary=Summary(value=[value])))
        writer.flush()

    write(1)
    [path] = tmp_path.glob("*tfevents*")
    follower = Follower(path, position)
    assert steps(follower) == [(1, 1)]
    write(2)
    assert steps(follower) == [(1, 2)]
    write(3)
    writer.close()
    assert steps(Follower(path, position)) == [(1, 3)]


def test_follow_reads_to_the_end_before_it_stops(path: Path, position: Path) -> None:
    add(path, line(1) + line(2))
    stop = threading.Event()
    stop.set()
    assert [r.step for r in follow(path, position, stop=stop)] == [1, 2]
    add(path, line(3))
    assert [r.step for r in follow(path, position, stop=stop)] == [3]


def test_kill_9_neither_loses_nor_repeats_what_was_dealt_with(
    path: Path, position: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    code = """
        import os, sys
        from gadwatch_hooks.readers import follow
        out = os.open(sys.argv[3], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        for record in follow(sys.argv[1], sys.argv[2], poll_seconds=0.01):
            os.write(out, b"%d\\n" % record.step)
    """
    command = [sys.executable, "-c", textwrap.dedent(code), str(path), str(position), str(out)]

    def dealt_with() -> list[int]:
        return [int(step) for step in out.read_text().split()] if out.exists() else []

    for upto in (20, 40, 60):
        child = subprocess.Popen(command)
        for step in range(upto - 19, upto + 1):
            add(path, line(step))
        wait_until(lambda last=upto: dealt_with()[-1:] == [last])  # type: ignore[misc]
        saved = json.loads(position.read_text())["offset"] if position.exists() else 0
        wait_until(
            lambda: (
                position.exists()
                and json.loads(position.read_text())["offset"] == path.stat().st_size
            ),
            what=f"the position after {saved}",
        )
        child.kill()
        child.wait()
    assert dealt_with() == list(range(1, 61))


@given(
    st.lists(st.sampled_from(["add", "half", "poll", "restart", "rotate"]), min_size=1, max_size=25)
)
@settings(max_examples=60, deadline=None)
def test_whatever_happens_every_line_is_read_once_and_in_order(actions: list[str]) -> None:
    with TemporaryDirectory() as name:
        path, position = Path(name) / "x.log", Path(name) / "position"
        follower = Follower(path, position)
        written, rotations, pending = 0, 0, ""
        found: list[int] = []

        def poll() -> None:
            found.extend(record.step for record in follower.poll())
            follower.commit()

        for action in actions:
            if action == "add":
                written += 1
                add(path, pending + line(written))
                pending = ""
            elif action == "half" and not pending:
                written += 1
                whole = line(written)
                add(path, whole[:8])
                pending = whole[8:]
            elif action == "poll":
                poll()
            elif action == "restart":
                follower.close()
                follower = Follower(path, position)
            elif action == "rotate" and path.exists() and not pending:
                poll()  # a follower that never saw a file cannot look for it
                rotations += 1
                path.rename(path.with_name(f"x.log.{rotations}"))
        if pending:
            add(path, pending)
        poll()
        follower.close()
        assert found == list(range(1, written + 1))
