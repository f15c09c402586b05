"""The loop over steps: when stage 2 begins, what a fault does to it, what it reports."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from gadwatch_trainer.config import TrainerConfig
from gadwatch_trainer.faults import Injection
from gadwatch_trainer.model import DivergedError
from gadwatch_trainer.trainer import Metrics, Stage, Trainer

CHECKPOINT_EVERY = 10
"""Steps between the checkpoints that a run with a fault keeps to resume from."""
HANG_S = 3600.0
"""How long a hanging process hangs, in seconds; stalled training is called long before."""


@dataclass(frozen=True, slots=True)
class Result:
    """How a run ended.

    `exact_*` are shares of held-out prompts answered right: before training, at the hand-over
    (None without one) and at the end (None where the student could no longer be sampled).
    """

    steps: int
    stage2_from: int | None
    exact_start: float
    exact_handover: float | None
    exact_end: float | None
    diverged: bool


def train(
    config: TrainerConfig,
    on_step: Callable[[int, Metrics], None],
    should_enter_stage2: Callable[[int], bool] | None = None,
    *,
    injection: Injection | None = None,
    on_stage: Callable[[Stage], None] | None = None,
    sleep: Callable[[float], None] = time.sleep,
) -> Result:
    """Trains for `config.total_steps` steps and tells `on_step` each step's metrics.

    `should_enter_stage2` is asked with the last step before each step of the warm-up; without
    it the warm-up lasts `freeze_actor_steps`. A gate moves the border between the stages, not
    the total: a warm-up that it never ends takes all the steps. `on_stage` hears of stage 2
    before its first step. A student that can no longer be sampled ends the run as `diverged`.
    """
    trainer = Trainer(config)
    injection = injection or Injection()
    enter = should_enter_stage2 or (lambda step: step >= config.freeze_actor_steps)
    exact_start, exact_handover, stage2_from = trainer.exact(), None, None
    saved = trainer
    while trainer.step_number < config.total_steps:
        if trainer.stage == "warmup" and enter(trainer.step_number):
            exact_handover, stage2_from = trainer.exact(), trainer.step_number + 1
            trainer.enter_stage2()
            if on_stage is not None:
                on_stage("stage2")
        settings = injection.settings(trainer)
        if settings.hangs:
            sleep(HANG_S)
        if settings.restarts:
            trainer, injection = saved.resumed(), Injection()
            continue
        try:
            metrics = trainer.step(settings)
        except DivergedError:
            return Result(
                trainer.step_number, stage2_from, exact_start, exact_handover, None, diverged=True
            )
        on_step(trainer.step_number, metrics)
        if injection.fault is not None and trainer.step_number % CHECKPOINT_EVERY == 0:
            saved = trainer.checkpoint()
    return Result(
        trainer.step_number,
        stage2_from,
        exact_start,
        exact_handover,
        trainer.exact(),
        diverged=False,
    )
