from typing import Any

import pytest

from gadwatch_hooks.integrations.verl_backend import planned_steps, warmup_steps


@pytest.mark.parametrize(
    ("config", "steps"),
    [
        ({}, None),
        ({"trainer": {"critic_warmup": 0}}, None),
        # verl updates the actor from this step on, so the one before is the last frozen one.
        ({"trainer": {"critic_warmup": 11}}, 10),
        ({"trainer": {"critic_warmup": 11, "freeze_actor_steps": 253}}, 253),
        ({"actor_rollout_ref": {"actor": {"freeze_actor_steps": 253}}}, 253),
        ({"freeze_actor_steps": 0}, 0),
        ({"freeze_actor_steps": None}, None),
    ],
)
def test_the_warm_up_is_read_from_verls_config(config: dict[str, Any], steps: int | None) -> None:
    assert warmup_steps(config) == steps


def test_the_last_step_is_what_the_trainer_wrote_where_the_user_wrote_none() -> None:
    config = {
        "trainer": {"total_training_steps": None},
        "critic": {"optim": {"total_training_steps": -1}},
        "actor_rollout_ref": {"actor": {"optim": {"total_training_steps": 435}}},
    }
    assert planned_steps(config) == 435
    assert planned_steps({"critic": {"optim": {"total_training_steps": -1}}}) is None
