"""What one step runs with: the configured values, and whatever a fault has made of them."""

from __future__ import annotations

from dataclasses import dataclass

from gadwatch_trainer.config import TrainerConfig


@dataclass(frozen=True, slots=True)
class Settings:
    """The live settings of one step. Without a fault they follow from the configuration."""

    critic_lr: float
    actor_lr: float
    temperature: float
    score_reg: float
    sampling_temperature: float
    kl_weight: float

    loss_scale: float = 1.0
    """Factor on the critic's gradients; 1 unless a mixed-precision scaler goes wrong."""
    mislabelled: float = 0.0
    """Share of pairs that arrive with teacher and student exchanged."""
    loss_reversed: bool = False
    """Whether the loss takes its two arguments in the wrong order."""
    student_end: bool = True
    """Whether the student's text reaches the critic with its end sign."""
    long_teacher: bool = False
    """Whether every teacher answer closes with all its flourishes instead of a free number."""
    length_bonus: float = 0.0
    """Reward for each token of an answer, as a format reward with the wrong sign gives."""
    unlogged: frozenset[str] = frozenset()
    """Metrics the trainer no longer writes."""
    hangs: bool = False
    """Whether the process hangs before this step."""
    restarts: bool = False
    """Whether the process dies before this step and resumes from its last checkpoint."""

    @classmethod
    def of(cls, config: TrainerConfig) -> Settings:
        """The settings of a step without a fault."""
        return cls(
            critic_lr=config.critic_lr,
            actor_lr=config.actor_lr,
            temperature=config.temperature,
            score_reg=config.score_reg,
            sampling_temperature=config.sampling_temperature,
            kl_weight=config.kl_weight,
        )
