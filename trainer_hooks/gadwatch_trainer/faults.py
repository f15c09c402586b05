"""Faults, injected through their causes: a setting or the data goes wrong, training answers.

Nothing here writes a metric. A fault changes the `Settings` of the steps from its onset on;
what the metrics then do is the training's own answer.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

from gadwatch_trainer.settings import Settings
from gadwatch_trainer.trainer import Trainer

Change = Callable[[Settings, int], Settings]
"""Settings of a step and the number of steps since the onset (0 at the onset) to new settings."""


class UnknownFaultError(ValueError):
    """No fault of this name; the message lists the names there are."""


@dataclass(frozen=True, slots=True)
class Fault:
    """A way in which training goes wrong."""

    name: str
    stage: Literal["warmup", "stage2"]
    cause: str
    change: Change
    onset: int = 60
    """Default first step it acts on; in stage 2 counted from the start of that stage."""


def _always(**changes: object) -> Change:
    return lambda usual, _: replace(usual, **changes)  # type: ignore[arg-type]


def _once(**changes: object) -> Change:
    return lambda usual, since: replace(usual, **changes) if since == 0 else usual  # type: ignore[arg-type]


def _hot_batches(period: int) -> Change:
    """Easy and hard batches take turns, half a period each: hot samples are easily told."""

    def change(usual: Settings, since: int) -> Settings:
        hot = since % period < period / 2
        return replace(usual, sampling_temperature=2.5) if hot else usual

    return change


def _saturating(usual: Settings, _: int) -> Settings:
    return replace(usual, critic_lr=2 * usual.critic_lr, score_reg=0.0, sampling_temperature=1.6)


_ALL = (
    Fault(
        "nan",
        "warmup",
        "a temperature schedule reaches 0 and the loss divides by it",
        _once(temperature=0.0),
    ),
    Fault(
        "grad-spike",
        "warmup",
        "one step's mixed-precision gradients are not unscaled",
        _once(loss_scale=128.0),
    ),
    Fault(
        "lr-explosion",
        "warmup",
        "the critic's learning rate has lost its exponent and is 2000 times too high",
        lambda usual, _: replace(usual, critic_lr=2000 * usual.critic_lr),
    ),
    Fault(
        "vanishing-gradient",
        "warmup",
        "the loss underflows in half precision",
        _always(loss_scale=1e-7),
    ),
    Fault(
        "not-learning",
        "warmup",
        "the critic's learning rate is 0 from the start",
        _always(critic_lr=0.0),
        onset=1,
    ),
    Fault(
        "critic-saturated",
        "warmup",
        "no score regularisation, a doubled learning rate and a student sampled too hot",
        _saturating,
    ),
    Fault(
        "labels-swapped",
        "warmup",
        "the loss gets teacher and student in the wrong order",
        _always(loss_reversed=True),
    ),
    Fault(
        "label-noise",
        "warmup",
        "half of the pairs arrive with their columns exchanged",
        _always(mislabelled=0.5),
    ),
    Fault(
        "score-drift",
        "warmup",
        "the score regularisation has the wrong sign",
        lambda usual, _: replace(usual, score_reg=-usual.score_reg),
    ),
    Fault(
        "loss-oscillation-fast",
        "warmup",
        "every other batch comes from a worker that samples far too hot",
        _hot_batches(2),
    ),
    Fault(
        "loss-oscillation-slow",
        "warmup",
        "ten batches in turn come from a worker that samples far too hot",
        _hot_batches(20),
    ),
    Fault(
        "missing-metric",
        "warmup",
        "the trainer stops writing critic/score_diff",
        _always(unlogged=frozenset({"critic/score_diff"})),
    ),
    Fault(
        "stalled",
        "warmup",
        "the process hangs in a collective and makes no further step",
        _once(hangs=True),
    ),
    Fault(
        "eos-leak",
        "warmup",
        "the student's text loses its end sign, the teacher's keeps it",
        _always(student_end=False),
    ),
    Fault(
        "length-bias",
        "warmup",
        "every teacher answer comes from the longest template",
        _always(long_teacher=True),
    ),
    Fault(
        "resume-rewind",
        "warmup",
        "the process dies and resumes from its last checkpoint",
        _once(restarts=True),
        onset=65,
    ),
    Fault(
        "dead-actor",
        "stage2",
        "sampling is greedy, so all answers of a group are alike",
        _always(sampling_temperature=1e-6, kl_weight=0.0),
        onset=1,
    ),
    Fault(
        "length-explosion",
        "stage2",
        "a length penalty is added with the wrong sign",
        _always(length_bonus=2.0),
        onset=30,
    ),
    Fault(
        "frozen-critic",
        "stage2",
        "the critic no longer learns and the actor finds its gaps",
        _always(critic_lr=0.0),
        onset=1,
    ),
    Fault(
        "stage2-labels-swapped",
        "stage2",
        "the loss gets its columns in the wrong order",
        _always(loss_reversed=True),
        onset=30,
    ),
    Fault(
        "stage2-nan",
        "stage2",
        "a temperature schedule reaches 0 in stage 2",
        _once(temperature=0.0),
        onset=30,
    ),
)

FAULTS: dict[str, Fault] = {fault.name: fault for fault in _ALL}
"""All faults by name."""


def find(name: str) -> Fault:
    """The fault called `name`; raises `UnknownFaultError` with the names there are."""
    if name not in FAULTS:
        raise UnknownFaultError(f"no fault {name!r}; there are: {', '.join(FAULTS)}")
    return FAULTS[name]


@dataclass(frozen=True, slots=True)
class Injection:
    """A fault at a step of its stage; without a fault, every step runs as configured."""

    fault: Fault | None = None
    onset: int = 1

    @classmethod
    def of(cls, name: str | None, onset: int | None = None) -> Injection:
        """The fault `name` from `onset` on, or from its own default onset."""
        if name is None:
            return cls()
        fault = find(name)
        first = fault.onset if onset is None else onset
        if first < 1:
            raise ValueError(f"onset must be a step from 1 on, got {first}")
        return cls(fault, first)

    def settings(self, trainer: Trainer) -> Settings:
        """The live settings of the trainer's next step.

        A warm-up fault stays when stage 2 begins, as nothing has mended it.
        """
        usual, step = Settings.of(trainer.config), trainer.step_number + 1
        if self.fault is None:
            return usual
        if self.fault.stage == "stage2":
            if trainer.stage != "stage2":
                return usual
            step -= trainer.stage_start
        return self.fault.change(usual, step - self.onset) if step >= self.onset else usual
