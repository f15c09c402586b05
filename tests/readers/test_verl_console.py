import math
from collections.abc import Callable
from pathlib import Path

import pytest

from gadwatch_hooks.readers import detect, read

Log = Callable[..., Path]


def test_the_real_console_log_gives_every_step(real_log: Callable[[str], Path]) -> None:
    path = real_log("verldata__qwen2-7b_gpg_math.log")
    records = list(read(path))
    assert detect(path).name == "verl console log"
    assert [record.step for record in records] == list(range(211))
    assert {record.segment for record in records} == {1}
    # Step 0: verl's printed validation and the step's own line; likewise the last step.
    assert {r.step: r.lines for r in records if r.lines != 1} == {0: 2, 210: 2}
    assert records[0].metrics == {
        "val-core/openai/gsm8k/reward/mean@1": 0.221379833206975,
        "val-core/DigitalLearningGmbH/MATH-lighteval/reward/mean@1": 0.5140056022408963,
    }
    assert len({name for record in records for name in record.metrics}) == 57
    assert records[210].metrics["response_length/clip_ratio"] == 0.493


@pytest.mark.parametrize(
    "line",
    [
        "step:7 - critic/d_acc:0.947 - critic/score_diff:1.810",
        "step:7 - critic/d_acc:np.float64(0.947) - critic/score_diff:np.float32(1.81)",
        "\x1b[36m(TaskRunner pid=67)\x1b[0m step:7 - critic/d_acc:0.947 - critic/score_diff:1.81",
        "(main_task pid=9, ip=10.0.0.2) step:7 - critic/d_acc:0.947 - critic/score_diff:1.81",
        "step:7 - critic/d_acc:0.947 - critic/score_diff:1.81\x1b[32m [repeated 2x cluster]\x1b[0m",
        "Training:  5%|█   | 7/210 [00:10]\rstep:7 - critic/d_acc:0.947 - critic/score_diff:1.81",
        "2025-06-18 16:50:19 [INFO] step:7 - critic/d_acc:0.947 - critic/score_diff:1.81",
        "step:7 - critic/d_acc:94.7% - critic/score_diff:1.81",
        "step:7 - critic/d_acc:0.947 - actor/name:hello - critic/score_diff:tensor(1.81)",
    ],
)
def test_a_step_is_read_in_all_its_dresses(log: Log, line: str) -> None:
    [record] = read(log("++ set -x", line, "some other line"))
    assert record.step == 7
    assert record.metrics == pytest.approx({"critic/d_acc": 0.947, "critic/score_diff": 1.81})


def test_names_keep_their_signs(log: Log) -> None:
    [record] = read(
        log(
            "step:0 - val-core/a/reward/mean@1:0.5 - actor/clip(1e-4):0.1 - a:b/c-d:2 - x/y/z:1e-05"
        )
    )
    assert record.metrics == {
        "val-core/a/reward/mean@1": 0.5,
        "actor/clip(1e-4)": 0.1,
        "a:b/c-d": 2.0,
        "x/y/z": 1e-05,
    }


@pytest.mark.parametrize(
    ("shown", "value"),
    [
        ("nan", math.nan),
        ("np.float64(nan)", math.nan),
        ("inf", math.inf),
        ("-inf", -math.inf),
        ("np.float64(-inf)", -math.inf),
        ("None", math.nan),
    ],
)
def test_non_finite_values_are_values(log: Log, shown: str, value: float) -> None:
    [record] = read(log(f"step:1 - actor/pg_loss:{shown} - a:1"))
    assert record.metrics["actor/pg_loss"] == pytest.approx(value, nan_ok=True)


def test_two_lines_of_one_step_are_one_record(log: Log) -> None:
    [record, after] = read(
        log("step:5 - val/acc:0.5", "step:5 - critic/d_acc:0.9", "step:6 - critic/d_acc:0.91")
    )
    assert (record.step, record.lines) == (5, 2)
    assert record.metrics == {"val/acc": 0.5, "critic/d_acc": 0.9}
    assert after.lines == 1


def test_a_step_back_is_a_new_segment(log: Log) -> None:
    records = read(log(*(f"step:{step} - a:{step}.5" for step in (1, 2, 3, 2, 3, 4))))
    assert [(r.segment, r.step) for r in records] == [
        (1, 1),
        (1, 2),
        (1, 3),
        (2, 2),
        (2, 3),
        (2, 4),
    ]


def test_a_second_run_that_starts_at_the_first_ones_last_step_is_another_segment(log: Log) -> None:
    records = read(log("step:1 - a:1.0 - b:2.0", "step:1 - a:7.0 - b:9.0"))
    assert [(r.segment, r.metrics["a"]) for r in records] == [(1, 1.0), (2, 7.0)]


def test_a_line_that_is_printed_twice_is_one_record(log: Log) -> None:
    [record] = read(log("step:1 - a:1.0 - b:2.0", "step:1 - a:1.0 - b:2.0"))
    assert (record.lines, record.segment) == (2, 1)


def test_a_model_that_writes_of_steps_is_not_taken_for_the_trainer(log: Log) -> None:
    records = list(
        read(log("step:1 - a:1", "[response] Next step:2 - we solve: x = 3", "step:2 - a:2"))
    )
    assert [(r.step, dict(r.metrics)) for r in records] == [(1, {"a": 1.0}), (2, {"a": 2.0})]
