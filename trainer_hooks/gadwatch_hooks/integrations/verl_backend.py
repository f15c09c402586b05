"""What verl's ``Tracking`` calls for a run; needs no verl itself."""

from collections.abc import Iterator, Mapping
from typing import Any

import gadwatch_hooks
from gadwatch_hooks.run import Stage


class GadwatchBackend:
    """What verl's ``Tracking`` calls for one run.

    The warm-up's length is read from verl's config (``freeze_actor_steps`` wherever it stands,
    else ``trainer.critic_warmup``), and the stage changes when the actor starts to learn.
    """

    def __init__(self, project: str, experiment: str, config: Mapping[str, Any] | None) -> None:
        config = dict(config or {})
        self.warmup_steps = warmup_steps(config)
        self.planned_steps = planned_steps(config)
        self.last_step = -1
        self.stage = first_stage(self.warmup_steps)
        self.run = gadwatch_hooks.init(
            project=project,
            name=experiment,
            config=config,
            stage=self.stage,
            warmup_steps=self.warmup_steps or None,
        )

    def log(self, data: Mapping[str, Any], step: int) -> None:
        """Pushes one step of verl's metrics."""
        if self.stage == "warmup" and self.warmup_steps is not None and step > self.warmup_steps:
            self.stage = "stage2"
            self.run.set_stage(self.stage)
        self.last_step = max(self.last_step, step)
        self.run.log(dict(data), step=step)

    def finish(self, exit_code: int = 0) -> None:
        """Ends the run as verl says it ended."""
        self.run.finish(status="finished" if exit_code == 0 else "failed")

    def dropped(self) -> None:
        """Ends the run when verl let go of it without a word: well only if every step was made.

        Trainers without an explicit end drop their tracker both after the last step and when an
        exception unwinds them, and in a Ray actor no exception reaches ``sys.excepthook``.
        """
        if self.planned_steps is not None:
            self.finish(0 if self.last_step >= self.planned_steps else 1)


def first_stage(warmup_steps: int | None) -> Stage | None:
    """Where a run begins: in stage 2 when its warm-up has no steps."""
    if warmup_steps is None:
        return None
    return "warmup" if warmup_steps > 0 else "stage2"


def warmup_steps(config: Mapping[str, Any]) -> int | None:
    """How many steps the actor stays frozen; 0 if it never is, None if the config does not say."""
    frozen = next(_numbers(config, "freeze_actor_steps"), None)
    if frozen is not None:
        return frozen
    # verl updates the actor from step ``critic_warmup`` on.
    first_actor_step = next(_numbers(config, "critic_warmup"), 0)
    return first_actor_step - 1 if first_actor_step > 0 else None


def planned_steps(config: Mapping[str, Any]) -> int | None:
    """The number of the last step; trainers write it into their config before they start."""
    planned = max(_numbers(config, "total_training_steps"), default=0)
    return planned if planned > 0 else None


def _numbers(config: Mapping[str, Any], name: str) -> Iterator[int]:
    """Every number under a name, the outermost one first."""
    value = config.get(name)
    if isinstance(value, int | float):
        yield int(value)
    for inner in config.values():
        if isinstance(inner, Mapping):
            yield from _numbers(inner, name)
