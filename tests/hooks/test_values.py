import json
import math
import pickle
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import distributed
from torch.distributed import FileStore
from torch.distributed.tensor import DeviceMesh, DTensor, Partial, Replicate

import gadwatch_hooks
from gadwatch_hooks.cuda import DeviceScalar, _Copy
from gadwatch_hooks.losses import Losses
from gadwatch_hooks.plain import plain
from gadwatch_hooks.values import freeze, is_ready, numbers_of
from gadwatch_hooks.wire import op_line, step_line, steps_body

torch.set_num_threads(1)


class FailedEvent:
    """What an event says after a device-side assert; no GPU is needed to hear it."""

    def query(self) -> bool:
        raise torch.AcceleratorError("CUDA error: device-side assert triggered")

    synchronize = query


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


@pytest.mark.parametrize(
    ("value", "number"),
    [
        (1, 1.0),
        (True, 1.0),
        (0.5, 0.5),
        (Fraction(1, 4), 0.25),
        (np.float32(0.5), 0.5),
        (np.float64(0.5), 0.5),
        (np.int64(3), 3.0),
        (np.bool_(1), 1.0),
        (np.array(0.5), 0.5),
        (np.array([0.5]), 0.5),
        (torch.tensor(0.5), 0.5),
        (torch.tensor([[7]]), 7.0),
        (torch.tensor(0.5, requires_grad=True), 0.5),
        (torch.tensor(1.5, dtype=torch.bfloat16), 1.5),
        (10**400, "Infinity"),
        (np.float32("nan"), "NaN"),
        (torch.tensor(float("-inf")), "-Infinity"),
    ],
)
def test_everything_that_is_a_number_is_taken(value: Any, number: float | str) -> None:
    assert numbers_of(freeze({"a": value})) == ({"a": number}, {})


@pytest.mark.parametrize(
    "value", ["0.5", b"1", [1], np.array([1, 2]), torch.zeros(3), 1j, torch.tensor(1j), object()]
)
def test_everything_else_is_counted(value: Any) -> None:
    assert numbers_of(freeze({"a": value})) == ({}, {"not_a_number": 1})


def test_a_dtensor_is_taken_where_no_other_rank_is_needed_for_it(tmp_path: Path) -> None:
    store = FileStore(str(tmp_path / "store"), 1)
    distributed.init_process_group("gloo", store=store, rank=0, world_size=1)
    try:
        mesh = DeviceMesh("cpu", [0])
        whole, summand = (
            DTensor.from_local(torch.tensor(0.5), mesh, [placement])
            for placement in (Replicate(), Partial())
        )
        assert numbers_of(freeze({"a": whole, "b": summand})) == ({"a": 0.5}, {"not_a_number": 1})
    finally:
        distributed.destroy_process_group()


def test_a_device_that_has_failed_costs_its_values_and_nothing_else() -> None:
    failed = object.__new__(_Copy)
    failed._values, failed._done = None, FailedEvent()
    frozen = {"loss": DeviceScalar(failed, 0), "plain": 1.0}
    assert is_ready(frozen)
    assert numbers_of(frozen) == ({"plain": 1.0}, {"device_error": 1})


def test_nested_mappings_are_flattened() -> None:
    metrics, _ = numbers_of(freeze({"critic": {"d_acc": 0.9, "deep": {"er": 1}}, "lr": 0.1}))
    assert metrics == {"critic/d_acc": 0.9, "critic/deep/er": 1.0, "lr": 0.1}


def test_a_tensor_that_is_changed_afterwards_was_read_before() -> None:
    running = torch.tensor(1.0)
    frozen = freeze({"loss": running})
    running += 1
    assert numbers_of(frozen)[0] == {"loss": 1.0}


@settings(deadline=None)
@given(st.dictionaries(st.text(), ANYTHING, max_size=6), ANYTHING)
def test_any_metrics_become_valid_json_or_are_counted(metrics: dict[str, Any], step: Any) -> None:
    losses = Losses()
    line = step_line(step, 1.0, freeze(metrics), losses)
    if line is None:
        assert losses.total()
        return
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    body = json.loads(steps_body("s", [line], losses.total(), None), parse_constant=_refuse)
    for value in body["steps"][0]["metrics"].values():
        assert value in {"NaN", "Infinity", "-Infinity"} or math.isfinite(value)


@settings(deadline=None)
@given(ANYTHING)
def test_any_config_becomes_valid_json(config: Any) -> None:
    json.loads(op_line("config", config=plain(config)), parse_constant=_refuse)


def test_a_config_may_hold_itself() -> None:
    knot: dict[str, Any] = {}
    knot["self"] = knot
    assert "self" in json.loads(json.dumps(plain(knot)))


@pytest.mark.parametrize("make", [torch.tensor, np.array, list])
def test_gad_metrics_of_raw_scores(make: Any) -> None:
    teacher, student = [2.0, 1.0, 0.0, 3.0], [1.0, 1.0, 1.0, -1.0]
    found = gadwatch_hooks.gad_metrics(make(teacher), make(student), temperature=2.0)
    loss = sum(
        -math.log(1 / (1 + math.exp(-(t - s) / 2))) for t, s in zip(teacher, student, strict=True)
    )
    expected = {
        "critic/d_acc": 0.5,  # the tie counts as wrong
        "critic/score_diff": 1.0,
        "critic/teacher_score_mean": 1.5,
        "critic/student_score_mean": 0.5,
        "critic/ranking_loss": loss / 4,
        "critic/tie_ratio": 0.25,
        "critic/temperature": 2.0,
        "critic/pairs": 4,
    }
    assert {k: float(v) for k, v in found.items()} == pytest.approx(expected)


def test_gad_metrics_show_a_nan_score() -> None:
    found = gadwatch_hooks.gad_metrics([math.nan, 1.0], [0.0, 0.0])
    assert math.isnan(found["critic/score_diff"])


@pytest.mark.parametrize(
    ("teacher", "student", "temperature", "words"),
    [
        ([1.0], [1.0, 2.0], 1.0, "must be pairs"),
        (torch.zeros(1), torch.zeros(2), 1.0, "must be pairs"),
        ([], [], 1.0, "no pairs"),
        (torch.zeros(0), torch.zeros(0), 1.0, "no pairs"),
        ([1.0], [1.0], 0.0, "must be positive"),
        ([1.0], [1.0], math.nan, "must be positive"),
    ],
)
def test_gad_metrics_refuse_what_are_no_pairs(
    teacher: Any, student: Any, temperature: float, words: str
) -> None:
    with pytest.raises(ValueError, match=words):
        gadwatch_hooks.gad_metrics(teacher, student, temperature)


@settings(deadline=None)
@given(st.lists(st.tuples(st.floats(-1e3, 1e3), st.floats(-1e3, 1e3)), min_size=1))
def test_both_ways_to_gad_metrics_agree(pairs: list[tuple[float, float]]) -> None:
    teacher, student = [t for t, _ in pairs], [s for _, s in pairs]
    by_list = gadwatch_hooks.gad_metrics(teacher, student, 1.0)
    by_tensor = gadwatch_hooks.gad_metrics(
        torch.tensor(teacher, dtype=torch.float64), torch.tensor(student, dtype=torch.float64), 1.0
    )
    assert {k: float(v) for k, v in by_tensor.items()} == pytest.approx(by_list, rel=1e-6, abs=1e-6)


def _refuse(word: str) -> None:
    raise AssertionError(f"{word} is no JSON")


def test_a_config_pickles_as_what_it_holds(tmp_path: Any) -> None:
    run = gadwatch_hooks.init(mode="disabled", config={"lr": 1})
    assert dict(pickle.loads(pickle.dumps(run)).config) == {"lr": 1}
