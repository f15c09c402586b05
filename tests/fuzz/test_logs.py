"""Any file is either read or refused with one clear sentence; no reader fails or hangs."""

import json
import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.fuzz.effort import tries

from gadwatch_hooks.errors import UnreadableLogError
from gadwatch_hooks.readers import read

_NUMBERS = ["0.5", "nan", "-inf", "1e400", "9" * 5000, "0x1F", "--1", "1_000", "np.float64(3)", ""]
_number = st.one_of(st.sampled_from(_NUMBERS), st.floats().map(repr), st.integers().map(str))
_name = st.one_of(
    st.sampled_from(["step", "critic/d_acc", "critic/grad_norm", "global_step", "time", "epoch"]),
    st.text(max_size=12),
)
_pairs = st.lists(st.tuples(_name, _number), max_size=5)
_console = _pairs.map(lambda pairs: "step:7 - " + " - ".join(f"{n}:{v}" for n, v in pairs))
_jsonl = st.dictionaries(
    _name, st.one_of(st.floats(), st.integers(), st.text(max_size=5), st.none())
).map(json.dumps)
_printed = _pairs.map(lambda pairs: "{" + ", ".join(f"'{n}': {v}" for n, v in pairs) + "}")
_table = st.lists(_number, min_size=1, max_size=4).map(",".join)
_junk = st.one_of(st.text(max_size=60), st.just("{" * 3000), st.just("(" * 3000), st.just("[" * 9))
_lines = st.lists(st.one_of(_console, _jsonl, _printed, _table, _junk), max_size=8)

_TENSORBOARD = bytes.fromhex("180000000000000061d7c9be0900")


def _read_all(path: Path) -> None:
    try:
        records = list(read(path))
    except UnreadableLogError:
        return
    for record in records:
        assert type(record.step) is int
        assert all(type(value) in (int, float) for value in record.metrics.values())
        assert record.time is None or math.isfinite(record.time)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("logs")


@tries(80)
@given(lines=_lines, ending=st.sampled_from(["\n", "\r\n", "\r"]))
def test_any_mixture_of_lines(folder: Path, lines: list[str], ending: str) -> None:
    path = folder / "train.log"
    path.write_bytes(ending.join(lines).encode("utf-8", errors="surrogatepass"))
    _read_all(path)


@tries(40)
@given(content=st.binary(max_size=300), name=st.sampled_from(["x.log", "x.csv", "x.jsonl"]))
def test_any_bytes(folder: Path, content: bytes, name: str) -> None:
    (folder / name).write_bytes(content)
    _read_all(folder / name)


@tries(40)
@given(
    rows=st.lists(st.lists(_number, min_size=1, max_size=4), max_size=5),
    header=st.lists(_name, min_size=2, max_size=4),
)
def test_any_table(folder: Path, rows: list[list[str]], header: list[str]) -> None:
    text = "\n".join(",".join(row) for row in [header, *rows])
    (folder / "table.csv").write_bytes(text.encode("utf-8", errors="surrogatepass"))
    _read_all(folder / "table.csv")


@tries(30)
@given(content=st.binary(max_size=200))
def test_any_event_file(folder: Path, content: bytes) -> None:
    path = folder / "events.out.tfevents.1"
    path.write_bytes(_TENSORBOARD + content)
    _read_all(path)


@tries(40)
@given(
    history=st.recursive(
        st.one_of(st.none(), st.floats(), st.integers(), st.text(max_size=5)),
        lambda inner: st.one_of(
            st.lists(inner, max_size=4), st.dictionaries(_name, inner, max_size=4)
        ),
        max_leaves=15,
    )
)
def test_any_trainer_state(folder: Path, history: object) -> None:
    path = folder / "trainer_state.json"
    path.write_text(json.dumps({"log_history": history, "global_step": 3}), encoding="utf-8")
    _read_all(path)


@pytest.mark.parametrize(
    "content",
    [b"(" * 2_000_000, b"{" * 2_000_000, b"[" * 2_000_000, b"step:1 - a:" + b"1" * 2_000_000,
     b"\0" * 2_000_000, b"{'a': " * 100_000, b'{"a":' * 100_000, b"a:" * 500_000],
    ids=["parens", "braces", "brackets", "digits", "zeros", "dicts", "objects", "colons"],
)  # fmt: skip
def test_a_hostile_line_does_not_hang(folder: Path, content: bytes) -> None:
    (folder / "hostile.log").write_bytes(content)
    _read_all(folder / "hostile.log")
