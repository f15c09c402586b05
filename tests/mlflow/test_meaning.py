import pytest

from gadwatch_service.mlflow.errors import MlflowError
from gadwatch_service.mlflow.meaning import (
    STATUS_IN,
    STATUS_OUT,
    stage_of,
    status_in,
    warmup_steps_of,
)


def test_every_end_that_mlflow_knows_survives_the_way_in_and_out() -> None:
    ends = ("RUNNING", "FINISHED", "FAILED", "KILLED")
    assert [STATUS_OUT[STATUS_IN[end]] for end in ends] == list(ends)
    assert status_in(3) == "finished"


@pytest.mark.parametrize("status", ["DONE", 0, 9])
def test_an_unknown_status_is_refused(status: str) -> None:
    with pytest.raises(MlflowError, match="none of RUNNING"):
        status_in(status)


def test_the_stage_comes_from_its_tag() -> None:
    assert stage_of({"gadwatch.stage": "stage2"}) == "stage2"
    assert stage_of({}) is None
    with pytest.raises(MlflowError, match="one of warmup, stage2"):
        stage_of({"gadwatch.stage": "2"})


@pytest.mark.parametrize(
    ("params", "tags", "steps"),
    [
        ({}, {}, None),
        ({"trainer/critic_warmup": "0"}, {}, None),
        ({"trainer/critic_warmup": "11"}, {}, 10),
        ({"trainer/freeze_actor_steps": "253", "trainer/critic_warmup": "11"}, {}, 253),
        ({"algorithm.gad.freeze_actor_steps": "253"}, {}, 253),
        ({"freeze_actor_steps": "None"}, {}, None),
        ({"freeze_actor_steps": "253"}, {"gadwatch.warmup_steps": "800"}, 800),
    ],
)
def test_the_warm_ups_length_comes_from_tag_or_params(
    params: dict[str, str], tags: dict[str, str], steps: int | None
) -> None:
    assert warmup_steps_of(params, tags) == steps


def test_a_warm_up_tag_that_is_no_number_is_refused() -> None:
    with pytest.raises(MlflowError, match="whole number"):
        warmup_steps_of({}, {"gadwatch.warmup_steps": "many"})
