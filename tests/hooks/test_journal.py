import os
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gadwatch_hooks import journal as journal_module
from gadwatch_hooks.journal import Journal
from gadwatch_hooks.losses import Losses

Opened = Callable[..., Journal]
CAP = 10**9


def line(number: int, size: int = 0) -> bytes:
    return b'{"step":%d,"pad":"%s"}\n' % (number, b"x" * size)


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Callable[..., Journal]]:
    journals: list[Journal] = []

    def open_journal(cap: int = CAP, losses: Losses | None = None) -> Journal:
        journals.append(Journal(tmp_path, cap, losses or Losses()))
        return journals[-1]

    yield open_journal
    for journal in journals:
        journal.close()


@settings(deadline=None)
@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("append"), st.lists(st.integers(0, 200), max_size=5)),
            st.tuples(st.just("send"), st.integers(1, 7)),
            st.tuples(st.just("reopen"), st.just(0)),
            st.tuples(st.just("disk fails"), st.just(0)),
            st.tuples(st.just("disk is back"), st.just(0)),
        ),
        max_size=40,
    ),
    st.sampled_from([16, 100, 10_000]),
)
def test_lines_come_out_once_and_in_order_whatever_happens(
    actions: list[tuple[str, object]], max_bytes: int
) -> None:
    with TemporaryDirectory() as name:
        journal = Journal(Path(name), CAP, Losses())
        appended: list[bytes] = []
        sent: list[bytes] = []
        kept_file = None
        for action, argument in actions:
            if action == "append":
                lines = [line(len(appended) + i, size) for i, size in enumerate(argument)]  # type: ignore[arg-type, var-annotated, unused-ignore]
                appended += lines
                journal.append(lines)
            elif action == "send":
                lines = journal.peek(argument, max_bytes)  # type: ignore[arg-type]
                assert (lines == []) == (len(sent) == len(appended))
                journal.acknowledge(lines)
                sent += lines
            elif action == "disk fails" and kept_file is None:
                kept_file = journal._file
                if journal._acknowledged == journal._size:
                    journal._file = None
                else:
                    kept_file = None
            elif action == "disk is back" and kept_file is not None:
                journal._file, kept_file = kept_file, None
            elif action == "reopen" and not journal.in_memory_bytes and kept_file is None:
                journal.close()
                journal = Journal(Path(name), CAP, Losses())
            assert journal.pending_bytes == sum(map(len, appended[len(sent) :]))
        while lines := journal.peek(3, max_bytes):
            journal.acknowledge(lines)
            sent += lines
        assert sent == appended
        if kept_file is not None:
            kept_file.close()
        journal.close()


def test_a_line_longer_than_a_batch_still_comes(opened: Opened, tmp_path: Path) -> None:
    journal = opened()
    journal.append([line(1, 5000), line(2)])
    assert journal.peek(10, 100)[0] == line(1, 5000)


def test_a_sent_journal_starts_afresh(
    opened: Opened, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal_module, "TRUNCATE_ABOVE", 100)
    journal = opened()
    journal.append([line(1, 200)])
    journal.acknowledge(journal.peek(1, 1000))
    assert (tmp_path / "steps.jsonl").stat().st_size == 0
    journal.append([line(2)])
    assert journal.peek(1, 1000) == [line(2)]


def test_a_mark_beyond_the_end_means_nothing_is_pending(opened: Opened, tmp_path: Path) -> None:
    (tmp_path / "steps.jsonl").write_bytes(b"")
    (tmp_path / "sent").write_bytes(b"%020d" % 500)
    assert opened().peek(1, 100) == []


@pytest.mark.parametrize("mark", [b"", b"garbage", b"-1", b"\x00" * 20])
def test_a_damaged_mark_sends_again_rather_than_never(
    opened: Opened, tmp_path: Path, mark: bytes
) -> None:
    (tmp_path / "steps.jsonl").write_bytes(line(1))
    (tmp_path / "sent").write_bytes(mark)
    assert opened().peek(1, 100) == [line(1)]


def test_a_full_disk_loses_nothing_while_the_process_lives(opened: Opened, tmp_path: Path) -> None:
    losses = Losses()
    journal = opened(losses=losses)
    journal.append([line(1)])
    assert journal._file is not None
    healthy = journal._file.fileno()
    full = os.open("/dev/full", os.O_RDWR)
    saved = os.dup(healthy)
    os.dup2(full, healthy)
    journal.append([line(2)])
    os.dup2(saved, healthy)
    os.close(full)
    os.close(saved)
    journal.append([line(3)])
    got = []
    while lines := journal.peek(1, 1000):
        got += lines
        journal.acknowledge(lines)
    assert got == [line(1), line(2), line(3)]
    assert losses.total()["disk_error"] >= 1
    journal.append([line(4)])
    assert journal.in_memory_bytes == 0


def test_operations_still_fit_when_steps_do_not(opened: Opened, tmp_path: Path) -> None:
    losses = Losses()
    journal = opened(50, losses)
    journal.append([line(1), line(2), line(3), line(4), b'{"op":"finish"}\n'])
    assert journal.peek(10, 1000) == [line(1), line(2), b'{"op":"finish"}\n']
    assert losses.total() == {"spool_full": 2}
