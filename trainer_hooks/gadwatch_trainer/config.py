"""Every hyperparameter of a training run, with its default, its bounds and its reason."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Self


class ConfigError(ValueError):
    """A hyperparameter is unknown or out of its bounds; the message names it and the bounds."""


@dataclass(frozen=True, slots=True)
class TrainerConfig:
    """One run of generative adversarial distillation.

    The defaults were tuned so that a healthy warm-up stays inside the bands of the warm-up
    pack by training alone; `docs/trainer.md` has the measured figures.
    """

    seed: int = 0

    # The task: reverse `length` symbols of an alphabet, then up to `flourishes` closing signs.
    alphabet: int = 10
    length: int = 5
    flourishes: int = 2
    teacher_slip: float = 0.08
    """Share of teacher answers with two neighbours exchanged: no real teacher is perfect, and
    a perfect one leaves the critic of a small task with nothing uncertain to learn."""

    # The network, shared by student, reference and critic.
    width: int = 64
    layers: int = 2
    heads: int = 2
    max_response: int = 24

    # The batch: `prompts` x `responses` pairs a step.
    prompts: int = 32
    responses: int = 8
    sampling_temperature: float = 1.0

    # Supervised pre-training of the student on teacher text.
    pretrain_steps: int = 200
    pretrain_loss: float = 0.7
    """Pre-training ends at this loss (nats a token), or after `pretrain_steps`: students of
    different seeds learn at different speeds, and the critic's task depends on how far they
    came."""
    pretrain_batch: int = 64
    pretrain_lr: float = 1e-3

    # Stages.
    freeze_actor_steps: int = 253
    stage2_steps: int = 200

    # Critic.
    critic_lr: float = 1e-3
    critic_clip: float = 1.0
    temperature: float = 2.0
    score_reg: float = 0.01

    # Actor (GRPO).
    actor_lr: float = 2e-4
    actor_clip: float = 1.0
    kl_weight: float = 0.15
    clip_ratio: float = 0.2
    minibatches: int = 2

    # Measurements beside the training batch.
    probe_prompts: int = 32
    probe_every: int = 5
    exact_prompts: int = 256
    exact_every: int = 10

    threads: int = 1
    device: str = "cpu"
    """`cpu`, `cuda`, or `auto`: a GPU if there is one."""

    def __post_init__(self) -> None:
        for name, (low, high) in _BOUNDS.items():
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, (int, float)):
                raise ConfigError(f"{name} must be a number, got {value!r}")
            if not low <= value <= high:
                raise ConfigError(f"{name} must lie in {low:g} … {high:g}, got {value!r}")
            if name in _COUNTS and not isinstance(value, int):
                raise ConfigError(f"{name} must be a whole number, got {value!r}")
        if self.device not in {"cpu", "cuda", "auto"}:
            raise ConfigError(f"device must be cpu, cuda or auto, got {self.device!r}")
        if self.width % self.heads:
            raise ConfigError(f"width {self.width} must be a multiple of heads {self.heads}")
        if self.max_response <= self.length + self.flourishes:
            raise ConfigError(
                f"max_response {self.max_response} must exceed length + flourishes "
                f"({self.length + self.flourishes}): the end sign needs a place"
            )
        if self.prompts % self.minibatches:
            raise ConfigError(
                f"prompts {self.prompts} must be a multiple of minibatches {self.minibatches}"
            )

    @property
    def total_steps(self) -> int:
        """Steps of both stages; an automatic gate moves the border, not the total."""
        return self.freeze_actor_steps + self.stage2_steps

    def with_(self, **changes: object) -> Self:
        """A copy with some fields changed; raises `ConfigError` on an unknown field."""
        unknown = sorted(set(changes) - {field.name for field in fields(self)})
        if unknown:
            raise ConfigError(f"unknown hyperparameter: {', '.join(unknown)}")
        return replace(self, **changes)  # type: ignore[arg-type]

    def as_dict(self) -> Mapping[str, int | float | str]:
        """Plain values, as pushed with the run."""
        return asdict(self)


_BOUNDS: dict[str, tuple[float, float]] = {
    "seed": (0, 2**31),
    "alphabet": (2, 100),
    "length": (2, 32),
    "flourishes": (0, 8),
    "teacher_slip": (0, 1),
    "width": (4, 1024),
    "layers": (1, 24),
    "heads": (1, 64),
    "max_response": (4, 256),
    "prompts": (1, 4096),
    "responses": (2, 256),
    "sampling_temperature": (1e-3, 10),
    "pretrain_steps": (0, 100_000),
    "pretrain_loss": (0, 100),
    "pretrain_batch": (1, 4096),
    "pretrain_lr": (0, 1),
    "freeze_actor_steps": (0, 1_000_000),
    "stage2_steps": (0, 1_000_000),
    "critic_lr": (0, 1),
    "critic_clip": (1e-6, 1e9),
    "temperature": (1e-3, 1e6),
    "score_reg": (0, 10),
    "actor_lr": (0, 1),
    "actor_clip": (1e-6, 1e9),
    "kl_weight": (0, 10),
    "clip_ratio": (1e-3, 1),
    "minibatches": (1, 64),
    "probe_prompts": (1, 4096),
    "probe_every": (1, 1_000_000),
    "exact_prompts": (1, 65_536),
    "exact_every": (1, 1_000_000),
    "threads": (1, 256),
}

_COUNTS = frozenset(field.name for field in fields(TrainerConfig) if field.type == "int")
