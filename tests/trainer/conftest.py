import pytest
from tests.shared_service import served

from gadwatch_trainer import Trainer, TrainerConfig

__all__ = ["served", "tiny"]


@pytest.fixture(scope="session")
def tiny() -> TrainerConfig:
    """A task and a network so small that a step takes a few milliseconds."""
    return TrainerConfig(
        seed=1,
        alphabet=4,
        length=2,
        flourishes=1,
        teacher_slip=0.05,
        width=16,
        layers=1,
        max_response=8,
        prompts=8,
        pretrain_loss=0.9,
        pretrain_lr=3e-3,
        critic_lr=5e-3,
        actor_lr=2e-3,
        freeze_actor_steps=50,
        stage2_steps=10,
        probe_prompts=16,
        exact_prompts=128,
    )


@pytest.fixture(scope="session")
def warmup(tiny: TrainerConfig) -> tuple[Trainer, list[dict[str, float]]]:
    """A healthy tiny warm-up: its trainer at the end and the metrics of its steps."""
    trainer = Trainer(tiny)
    return trainer, [trainer.step() for _ in range(tiny.freeze_actor_steps)]


@pytest.fixture
def warmed(warmup: tuple[Trainer, list[dict[str, float]]]) -> Trainer:
    """A copy of the trainer at the end of the warm-up, each test its own."""
    return warmup[0].checkpoint()
