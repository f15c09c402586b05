import pytest

from gadwatch_trainer import ConfigError, TrainerConfig


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"critic_lr": -1.0}, "critic_lr"),
        ({"temperature": 0.0}, "temperature"),
        ({"temperature": float("nan")}, "temperature"),
        ({"responses": 1}, "responses"),
        ({"prompts": True}, "prompts"),
        ({"width": 30, "heads": 4}, "heads"),
        ({"max_response": 6}, "max_response"),
        ({"prompts": 9, "minibatches": 2}, "minibatches"),
        ({"critic_learning_rate": 1e-3}, "critic_learning_rate"),
        ({"prompts": 8.5}, "prompts"),
        ({"device": "tpu"}, "device"),
    ],
)
def test_a_bad_hyperparameter_is_named(changes: dict[str, object], named: str) -> None:
    with pytest.raises(ConfigError, match=named):
        TrainerConfig().with_(**changes)


def test_the_defaults_follow_the_reference_run() -> None:
    config = TrainerConfig()
    assert config.freeze_actor_steps == 253
    assert config.as_dict()["temperature"] == 2.0
