import math
from pathlib import Path

import pytest
from bench.detection.bounds import poisson_upper, wilson
from bench.detection.runs import Recorded, load, save


def test_a_recorded_run_comes_back_with_its_shared_beginning(tmp_path: Path) -> None:
    healthy = Recorded(
        "healthy", "dev", 1, steps=[(n, {"critic/d_acc": n / 10}) for n in (1, 2, 3)]
    )
    faulty = Recorded(
        "nan@3", "dev", 1, fault="nan", onset=3, base="healthy",
        steps=[(3, {"critic/d_acc": math.nan, "critic/grad_norm": 1.234567})],
    )  # fmt: skip
    save(tmp_path / "a.jsonl.gz", [healthy, faulty])
    back = list(load(tmp_path / "a.jsonl.gz"))
    assert back[0] == healthy
    assert back[1].steps[:2] == healthy.steps[:2]
    step, metrics = back[1].steps[2]
    assert step == 3
    assert math.isnan(metrics["critic/d_acc"])
    assert metrics["critic/grad_norm"] == 1.2346


def test_a_hung_run_ends_before_its_onset(tmp_path: Path) -> None:
    healthy = Recorded("healthy", "dev", 1, steps=[(n, {"a": 1.0}) for n in (1, 2, 3)])
    hung = Recorded("stalled@3", "dev", 1, fault="stalled", onset=3, base="healthy", ended=False)
    save(tmp_path / "a.jsonl.gz", [healthy, hung])
    assert [step for step, _ in list(load(tmp_path / "a.jsonl.gz"))[1].steps] == [1, 2]


def test_the_same_runs_give_the_same_bytes(tmp_path: Path) -> None:
    runs = [Recorded("healthy", "dev", 1, steps=[(1, {"b": 1.0, "a": 2.0})])]
    for name in ("a", "b"):
        save(tmp_path / name, runs)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_the_bounds_are_those_of_the_tables() -> None:
    assert poisson_upper(0) == pytest.approx(2.996, abs=1e-3)
    assert poisson_upper(3) == pytest.approx(7.754, abs=1e-3)
    assert wilson(0, 200)[1] == pytest.approx(0.0188, abs=1e-4)
    assert wilson(5, 10) == pytest.approx((0.2366, 0.7634), abs=1e-4)
