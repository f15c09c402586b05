"""A run as a person starts it: trained here, watched through the hook, written to a file."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

import gadwatch_hooks
from gadwatch_trainer.config import TrainerConfig
from gadwatch_trainer.faults import Injection
from gadwatch_trainer.loop import Result, train
from gadwatch_trainer.record import Recorder
from gadwatch_trainer.trainer import Metrics, Stage

Gate = Literal["fixed", "auto"]


def run(
    config: TrainerConfig | None = None,
    *,
    url: str | None = None,
    token: str | None = None,
    out: str | Path | None = None,
    gate: Gate = "fixed",
    at_latest: bool = False,
    fault: str | None = None,
    onset: int | None = None,
    project: str = "gad-demo",
    name: str | None = None,
    id: str | None = None,  # noqa: A002 - the hook's own name for it
    tags: Iterable[str] = (),
    push: bool = True,
    on_step: Callable[[int, Metrics], None] | None = None,
    on_start: Callable[[gadwatch_hooks.Run], None] | None = None,
    sleep: Callable[[float], None] = time.sleep,
) -> Result:
    """Trains one run and returns how it ended.

    `gate="fixed"` hands over after `freeze_actor_steps`; `gate="auto"` as soon as the service
    has called the warm-up ready, and never if it does not; with `at_latest` it then hands over
    after `freeze_actor_steps` all the same. `fault` and `onset` inject a fault
    (`gadwatch_trainer.FAULTS`). `out` takes every step as JSON lines. `push=False` trains
    without the service. `on_step` sees each step, `on_start` each hook run opened.

    Raises `ValueError` for a gate that cannot work, `UnknownFaultError` for a fault there is not.
    """
    config = config or TrainerConfig()
    injection = Injection.of(fault, onset)
    if gate not in {"fixed", "auto"}:
        raise ValueError(f"gate is {gate!r}; it must be fixed or auto")
    if gate == "auto" and not push:
        raise ValueError("gate auto asks the service when to hand over, so it needs push")
    if at_latest and gate != "auto":
        raise ValueError("at_latest is the limit of gate auto; the fixed gate needs none")
    run_id = id or os.urandom(8).hex()

    def start(stage: Stage) -> gadwatch_hooks.Run:
        opened = gadwatch_hooks.init(
            project=project,
            name=name or f"{fault or 'healthy'}-seed{config.seed}",
            id=run_id,
            config=config.as_dict(),
            tags=[*tags, *([f"fault:{fault}"] if fault else [])],
            stage=stage,
            warmup_steps=config.freeze_actor_steps or None,
            url=url,
            token=token,
            mode=None if push else "disabled",
        )
        if on_start is not None:
            on_start(opened)
        return opened

    with ExitStack() as stack:
        session = stack.enter_context(_Session(start))
        recorder = stack.enter_context(Recorder(Path(out))) if out is not None else None

        def step(number: int, metrics: Metrics) -> None:
            session.log(number, metrics)
            if recorder is not None:
                recorder.write(number, metrics)
            if on_step is not None:
                on_step(number, metrics)

        def is_ready(last_step: int) -> bool:
            overdue = at_latest and last_step >= config.freeze_actor_steps
            return overdue or session.run.ready()

        result = train(
            config,
            step,
            is_ready if gate == "auto" else None,
            injection=injection,
            on_stage=session.enter,
            sleep=sleep,
        )
        if result.diverged:
            session.run.finish("failed")
    return result


class _Session:
    """The hook's run, opened again when the training resumes from an earlier step."""

    def __init__(self, start: Callable[[Stage], gadwatch_hooks.Run]) -> None:
        self._start = start
        self._stage: Stage = "warmup"
        self._last_step = 0
        self.run = start(self._stage)

    def log(self, step: int, metrics: Metrics) -> None:
        if step <= self._last_step:
            # What a killed process leaves behind: another process, the same run, an older step.
            self.run.finish("killed")
            self.run = self._start(self._stage)
        self._last_step = step
        self.run.log(metrics, step=step)

    def enter(self, stage: Stage) -> None:
        self._stage = stage
        self.run.set_stage(stage)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.run.__exit__(kind, error, trace)
