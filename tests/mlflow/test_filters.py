import contextlib
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gadwatch_service.mlflow.errors import MlflowError
from gadwatch_service.mlflow.filters import Facts, matches, parse_filter
from gadwatch_service.mlflow.ordering import ordered, parse_order
from gadwatch_service.mlflow.wire import double_in, double_out, int64_in, metric_in, metric_out

RUN = Facts(
    attributes={"status": "FINISHED", "run_name": "warmup-7", "start_time": 100, "end_time": None},
    params={"lr": "1e-6", "trainer/epochs": "3"},
    tags={"mlflow.user": "ada", "note": "it's"},
    metrics={"critic/d_acc": 0.947, "val/mean@8": 0.5, "loss": math.nan},
)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "  ",
        "metrics.`critic/d_acc` > 0.9",
        "metrics.critic/d_acc >= 0.947 and params.lr = '1e-6'",
        'metrics."critic/d_acc" < 1e0',
        "metric.`val/mean_at_8` = .5",
        "params.`trainer/epochs` = '3' AND attributes.status = 'FINISHED'",
        "status = 'FINISHED'",
        "attributes.run_name LIKE 'warm%'",
        "run.`run name` ILIKE 'WARMUP-_'",
        "tags.mlflow.user IN ('ada', 'bob')",
        "tags.`mlflow.user` NOT IN ('bob')",
        "tags.note = 'it\\'s'",
        "params.absent IS NULL AND tags.note IS NOT NULL",
        "start_time < 101 AND created > -5",
        'params.lr = "1e-6"',
        "metrics.loss != 1",
    ],
)
def test_a_filter_that_holds_lets_the_run_through(text: str) -> None:
    assert matches(parse_filter(text), RUN)


@pytest.mark.parametrize(
    "text",
    [
        "metrics.absent > 0",
        "metrics.absent != 0",
        "metrics.loss < 1",
        "params.lr = '2' AND status = 'FINISHED'",
        "attributes.run_name LIKE 'WARM%'",
        "end_time > 0",
        "tags.`mlflow.user` IN ('bob')",
    ],
)
def test_a_filter_that_does_not_hold_keeps_the_run_out(text: str) -> None:
    assert not matches(parse_filter(text), RUN)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("metrics.loss", "ends in the middle"),
        ("metrics.loss > 1 AND", "ends in the middle"),
        ("metrics.loss > 'x'", "compares with a number"),
        ("params.lr > '1'", "quoted text"),
        ("params.lr = 1", "quoted text"),
        ("metrics.loss > 1 OR metrics.loss < 0", "joined by AND"),
        ("dataset.name = 'x'", "none of metrics"),
        ("'x' = 'x'", "starts with a name"),
        ("status IN 'x'", "parentheses"),
        ("status IS maybe", "not a comparison"),
        ("status = 'x", "at "),
        ("; DROP TABLE runs", "at "),
    ],
)
def test_a_filter_that_cannot_be_read_says_why(text: str, said: str) -> None:
    with pytest.raises(MlflowError, match=said) as caught:
        parse_filter(text)
    assert caught.value.code == "INVALID_PARAMETER_VALUE"


@given(st.text(alphabet="metricsparam.` '\"()<>=!ANDOR,5x", max_size=40))
def test_no_text_breaks_the_parser(text: str) -> None:
    with contextlib.suppress(MlflowError):
        parse_filter(text)


def test_order_puts_absent_values_and_nan_last_in_both_directions() -> None:
    runs = [(Facts({}, metrics=metrics), name) for name, metrics in RUNS.items()]
    assert ordered(runs, parse_order(["metrics.loss ASC"])) == ["low", "high", "nan", "none"]
    assert ordered(runs, parse_order(["metrics.loss DESC"])) == ["high", "low", "nan", "none"]


RUNS = {"nan": {"loss": math.nan}, "high": {"loss": 2.0}, "none": {}, "low": {"loss": 1.0}}


def test_several_orders_apply_the_first_one_first() -> None:
    facts = [Facts({"status": s, "start_time": t}) for s, t in (("B", 1), ("A", 1), ("A", 2))]
    found = ordered(
        [(f, i) for i, f in enumerate(facts)], parse_order(["status", "start_time DESC"])
    )
    assert found == [2, 1, 0]


def test_an_order_that_cannot_be_read_is_refused() -> None:
    with pytest.raises(MlflowError, match="ASC or DESC"):
        parse_order(["metrics.loss sideways"])


@given(st.floats())
def test_every_double_survives_the_way_out_and_in(value: float) -> None:
    assert double_in(double_out(value)) == value or math.isnan(value)


@given(st.integers(min_value=-(2**63), max_value=2**63 - 1))
def test_whole_numbers_come_as_numbers_or_as_text(value: float) -> None:
    assert int64_in(value, "step") == int64_in(str(value), "step") == value


@pytest.mark.parametrize("value", ["x", 1.5, 2**63, "", math.inf, math.nan])
def test_what_is_no_whole_number_is_refused_by_name(value: float) -> None:
    with pytest.raises(MlflowError, match="step must be a whole number"):
        int64_in(value, "step")


def test_what_is_no_number_is_refused() -> None:
    with pytest.raises(MlflowError, match="not a number"):
        double_in("high")


@pytest.mark.parametrize("name", ["val-core/gsm8k/reward/mean@8", "best@4/mean", "critic/d_acc"])
def test_verls_at_sign_survives(name: str) -> None:
    assert metric_in(metric_out(name)) == name


def test_an_at_that_is_a_word_stays() -> None:
    assert metric_in("time_at_start") == "time_at_start"
