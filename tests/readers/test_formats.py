import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gadwatch_hooks import UnreadableLogError
from gadwatch_hooks.readers import Record, detect, read
from gadwatch_hooks.readers.jsonl import Jsonl
from gadwatch_hooks.readers.literal import literal_dict
from gadwatch_hooks.readers.printed import PrintedDicts
from gadwatch_hooks.readers.table import Csv
from gadwatch_hooks.readers.verl_console import VerlConsole

Log = Callable[..., Path]
RealLog = Callable[[str], Path]


def shown(records: Any) -> list[tuple[int, dict[str, float]]]:
    return [(record.step, dict(record.metrics)) for record in records]


def test_verls_file_logger(log: Log) -> None:
    path = log(
        '{"step": 1, "data": {"critic/d_acc": 0.9, "actor/pg_loss": null}}',
        '{"step": 2, "data": {"critic/d_acc": NaN, "name": "x"}}',
    )
    [first, second] = read(path)
    assert first.metrics == pytest.approx(
        {"critic/d_acc": 0.9, "actor/pg_loss": math.nan}, nan_ok=True
    )
    assert math.isnan(second.metrics["critic/d_acc"])
    assert first.time is None
    assert "name" not in second.metrics


@pytest.mark.parametrize(
    "row",
    [
        {"step": 3, "a": 1, "b": {"c": 2}},
        {"_step": 3, "a": 1, "b/c": 2, "_timestamp": 1.7e9},
        {"global_step": 3, "metrics": {"a": 1, "b": {"c": 2}}},
        {"step": 3, "time": 1.7e9, "metrics": {"a": 1, "b/c": "2"}},
        {"data": {"step": 3, "a": 1, "b/c": 2}},
        {"step": "3", "a": {"num": 4, "mean": 1, "std": 0}, "b/c": 2},
    ],
)
def test_objects_of_many_shapes(log: Log, row: dict[str, Any]) -> None:
    [record] = read(log(json.dumps(row)))
    assert record.step == 3
    assert {k: v for k, v in record.metrics.items() if k != "global_step"} == {"a": 1, "b/c": 2}


@pytest.mark.parametrize(
    ("time", "seconds"),
    [
        (1.7e9, 1.7e9),
        (1_700_000_000_000, 1.7e9),
        ("2023-11-14T22:13:20+00:00", 1.7e9),
        ("2023-11-14T22:13:20Z", 1.7e9),
        (12.5, None),
        ("noon", None),
        (None, None),
    ],
)
def test_times_become_unix_seconds(log: Log, time: Any, seconds: float | None) -> None:
    [record] = read(log(json.dumps({"step": 1, "time": time, "a": 1})))
    assert record.time == seconds


def test_objects_without_a_step_are_counted(log: Log) -> None:
    assert shown(read(log('{"loss": 1}', "noise", '{"loss": 2}'))) == [
        (1, {"loss": 1.0}),
        (2, {"loss": 2.0}),
    ]


def test_wide_csv(log: Log) -> None:
    path = log(
        "step,critic/d_acc,actor/pg_loss",
        "1,0.9,nan",
        "2,,0.5",
        "step,critic/d_acc,actor/pg_loss",
        "3,0.8,1",
    )
    [first, second, third] = read(path)
    assert math.isnan(first.metrics["actor/pg_loss"])
    assert second.metrics == {"actor/pg_loss": 0.5}  # an empty cell was not logged
    assert third.step == 3


def test_long_csv_with_tabs(log: Log) -> None:
    path = log(
        "metric\tstep\tvalue\ttimestamp",
        "a\t1\t0.5\t1700000000",
        "b\t1\t2\t1700000000",
        "a\t2\t1\t1700000009",
    )
    records = list(read(path))
    assert shown(records) == [(1, {"a": 0.5, "b": 2.0}), (2, {"a": 1.0})]
    assert records[1].time == 1_700_000_009


def test_csv_with_quotes_semicolons_and_a_byte_order_mark(log: Log) -> None:
    assert shown(read(log('\ufeffStep;"run; critic/d_acc"', "4;0.9"))) == [
        (4, {"run; critic/d_acc": 0.9})
    ]


def test_csv_without_a_step_is_counted(log: Log) -> None:
    assert shown(read(log("loss,lr", "1,2", "3,4"))) == [
        (1, {"loss": 1.0, "lr": 2.0}),
        (2, {"loss": 3.0, "lr": 4.0}),
    ]


def test_the_stylegan_statistics_and_their_events_agree(real_log: RealLog) -> None:
    pytest.importorskip("tensorboard")
    by_json = list(read(real_log("rpg-spritegan__stats.jsonl")))
    by_events = list(read(real_log("rpg-spritegan__events.out.tfevents.*")))
    assert [r.step for r in by_json] == [r.step for r in by_events] == list(range(0, 320, 4))
    for one, other in zip(by_json, by_events, strict=True):
        both = one.metrics.keys() & other.metrics.keys()
        assert len(both) == 25
        assert set(other.metrics) - both == {"Metrics/fid50k_full"}
        for name in both:
            assert one.metrics[name] == pytest.approx(other.metrics[name], rel=1e-6, abs=1e-9)


def test_an_event_folder_is_read_in_order(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.compat.proto.summary_pb2 import Summary
    from tensorboard.summary.writer.event_file_writer import EventFileWriter

    for steps in ([1, 2, 3], [3, 4]):
        writer = EventFileWriter(str(tmp_path))
        for step in steps:
            value = Summary.Value(tag="critic/d_acc", simple_value=step / 8)
            writer.add_event(
                Event(step=step, wall_time=1.7e9 + step, summary=Summary(value=[value]))
            )
        writer.close()
        for file in tmp_path.glob("events.out.*"):
            file.rename(tmp_path / f"{steps[0]}.tfevents.{file.name[11:]}")
    records = list(read(tmp_path))
    assert [(r.step, r.metrics["critic/d_acc"]) for r in records] == [
        (1, 0.125),
        (2, 0.25),
        (3, 0.375),
        (4, 0.5),
    ]
    assert records[2].lines == 2  # the same value in both files
    assert records[0].time == 1.7e9 + 1


def test_a_trainer_state(tmp_path: Path) -> None:
    history = [
        {"loss": 0.69, "grad_norm": math.nan, "epoch": 0.1, "step": 10},
        {"eval_loss": 0.7, "epoch": 0.1, "step": 10},
        {"loss": 0.6, "epoch": 0.2, "step": 20},
        {"train_runtime": 9.5, "total_flos": 1.0, "epoch": 0.2, "step": 20},
    ]
    path = tmp_path / "trainer_state.json"
    path.write_text(json.dumps({"global_step": 20, "log_history": history}, indent=2))
    for place in (path, tmp_path):
        [first, second] = read(place)
        assert (first.step, first.metrics["eval_loss"], second.step) == (10, 0.7, 20)
        assert math.isnan(first.metrics["grad_norm"])


@pytest.mark.parametrize(
    "lines",
    [
        (
            "{'loss': 0.69, 'grad_norm': nan, 'epoch': 0.1}",
            "{'eval_loss': 0.7, 'epoch': 0.1}",
            "{'loss': 0.6, 'grad_norm': inf, 'epoch': 0.2}",
            "{'train_runtime': 9.5, 'epoch': 0.2}",
        ),
        (
            "  5%|▌ | 10/210 [00:10<03:20]\r{'loss': '0.69', 'grad_norm': 'nan', 'epoch': '0.1'}",
            "[rank0]: {'eval_loss': 0.7, 'runs': [1, 2], 'x': np.float64(1)}",
            "{'loss': np.float64(0.6), 'grad_norm': tensor(inf), 'epoch': 0.2}",
            "{'train_runtime': 9.5, 'nested': {'deep': 1}}",
        ),
    ],
)
def test_printed_dicts_are_counted_and_evaluations_join_their_step(
    log: Log, lines: tuple[str, ...]
) -> None:
    path = log("Loading model", *lines)
    assert detect(path).name == "printed trainer dicts"
    [first, second] = read(path)
    assert (first.step, first.lines, second.step, second.lines) == (1, 2, 2, 2)
    assert first.metrics["loss"] == 0.69
    assert math.isnan(first.metrics["grad_norm"])
    assert first.metrics["eval_loss"] == 0.7
    assert second.metrics["grad_norm"] == math.inf


@pytest.mark.parametrize(
    ("lines", "found"),
    [
        ((), "is empty"),
        (("hello",), "the first: 'hello'"),
        (("{}", '{"a": "b"}'), "Found 2 lines"),
        (("a,b", "x,y"), "Looked for: lines like `step:1"),
    ],
)
def test_a_log_without_metrics_says_what_was_looked_for_and_found(
    log: Log, lines: tuple[str, ...], found: str
) -> None:
    with pytest.raises(UnreadableLogError, match=found):
        detect(log(*lines))


def test_a_missing_file_and_a_folder_without_logs_say_so(tmp_path: Path) -> None:
    with pytest.raises(UnreadableLogError, match="there is no file"):
        list(read(tmp_path / "nowhere.log"))
    with pytest.raises(UnreadableLogError, match="name the log file itself"):
        list(read(tmp_path))


def test_progress_counts_the_bytes(log: Log) -> None:
    path = log(*(f"step:{step} - a:1" for step in range(10)))
    told: list[int] = []
    list(read(path, progress=told.append))
    assert told[-1] == path.stat().st_size


@given(
    st.lists(
        st.text()
        | st.sampled_from(
            [
                "step:1 - a:1",
                "step:x - a:",
                "{'loss': nan}",
                '{"step": 1e999, "a": [}',
                '{"step": 1, "a": {"b": null}}',
                "step,a",
                "1,2",
                '"',
                "(\"Initial validation metrics: {'a': 1}\")",
                '("Initial validation metrics: ',
            ]
        )
    ),
    st.sampled_from([VerlConsole, Jsonl, Csv, PrintedDicts]),
)
@settings(max_examples=200, deadline=None)
def test_no_line_makes_a_parser_fail(lines: list[str], parser: type) -> None:
    instance = parser()
    for line in lines:
        for entry in instance.feed(line.replace("\n", "")):
            assert entry.metrics
            assert all(isinstance(value, float) for value in entry.metrics.values())


@settings(deadline=None)
@given(st.dictionaries(st.text(min_size=1), st.floats() | st.integers() | st.text(), max_size=5))
def test_a_printed_dict_reads_back(values: dict[str, Any]) -> None:
    assert repr(literal_dict(repr(values))) == repr(values)


def test_records_are_values() -> None:
    assert Record(1, {"a": 1.0}) == Record(1, {"a": 1.0})
