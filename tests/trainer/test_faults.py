import itertools
import math
from collections.abc import Callable

import pytest

from gadwatch_trainer import FAULTS, Injection, Trainer, TrainerConfig, UnknownFaultError, train

Steps = list[dict[str, float]]


def faulty(trainer: Trainer, name: str, steps: int) -> Steps:
    """Steps with the fault from the very next one on."""
    injection = Injection.of(name, 1 if trainer.stage == "stage2" else trainer.step_number + 1)
    return [trainer.step(injection.settings(trainer)) for _ in range(steps)]


def mean(steps: Steps, name: str) -> float:
    return sum(row[name] for row in steps) / len(steps)


def swings(steps: Steps) -> float:
    losses = [row["critic/ranking_loss"] for row in steps]
    return sum(abs(b - a) for a, b in itertools.pairwise(losses)) / len(losses)


# What each cause does to the tiny training within 25 steps: name -> (before, after) -> bool.
IN_WARMUP: dict[str, Callable[[Steps, Steps], bool]] = {
    "nan": lambda _, after: math.isnan(after[-1]["critic/ranking_loss"]),
    "grad-spike": lambda before, after: (
        after[0]["critic/grad_norm"] > 20 * mean(before, "critic/grad_norm")
        and after[3]["critic/grad_norm"] < 5 * mean(before, "critic/grad_norm")
    ),
    "lr-explosion": lambda _, after: max(row["critic/grad_norm"] for row in after) > 10,
    "vanishing-gradient": lambda _, after: mean(after, "critic/grad_norm") < 1e-5,
    "critic-saturated": lambda before, after: (
        mean(after[-5:], "critic/score_diff") > 1.5 * mean(before, "critic/score_diff")
    ),
    "labels-swapped": lambda _, after: after[-1]["critic/score_diff"] < -0.1,
    "label-noise": lambda _, after: mean(after[-10:], "critic/score_diff") < 0.5,
    "score-drift": lambda before, after: (
        mean(after[-5:], "critic/score_diff") > mean(before, "critic/score_diff")
    ),
    "loss-oscillation-fast": lambda before, after: swings(after) > 1.5 * swings(before),
    "loss-oscillation-slow": lambda _, after: (
        mean(after[:10], "critic/ranking_loss") < mean(after[12:18], "critic/ranking_loss")
    ),
    "missing-metric": lambda _, after: all("critic/score_diff" not in row for row in after),
    "eos-leak": lambda _, after: mean(after[-5:], "critic/d_acc") > 0.95,
    "length-bias": lambda before, after: (
        mean(after[-10:], "length_reward/correlation")
        > mean(before, "length_reward/correlation") + 0.15
    ),
}
IN_STAGE2: dict[str, Callable[[Steps, Steps], bool]] = {
    "dead-actor": lambda _, after: (
        max(abs(row["actor/pg_loss"]) + row["actor/grad_norm"] for row in after) < 1e-6
    ),
    "length-explosion": lambda _, after: (
        after[-1]["response_length/mean"] > after[0]["response_length/mean"] + 1
    ),
    "frozen-critic": lambda _, after: {row["critic/lr"] for row in after} == {0.0},
    "stage2-labels-swapped": lambda _, after: after[-1]["critic/score_diff"] < -0.1,
}


@pytest.mark.parametrize("name", IN_WARMUP)
def test_a_warm_up_fault_shows_in_its_metrics(
    name: str, warmup: tuple[Trainer, Steps], warmed: Trainer
) -> None:
    assert IN_WARMUP[name](warmup[1][-10:], faulty(warmed, name, 25))


@pytest.mark.parametrize("name", IN_STAGE2)
def test_a_stage_2_fault_shows_in_its_metrics(name: str, warmed: Trainer) -> None:
    warmed.enter_stage2()
    assert IN_STAGE2[name]([], faulty(warmed, name, 25))


def test_a_critic_without_a_learning_rate_never_moves(tiny: TrainerConfig) -> None:
    trainer = Trainer(tiny)
    steps = faulty(trainer, "not-learning", 20)
    assert abs(mean(steps[-5:], "critic/score_diff") - mean(steps[:5], "critic/score_diff")) < 0.2


def test_nan_in_stage_2_ends_the_run_as_diverged(tiny: TrainerConfig) -> None:
    config = tiny.with_(freeze_actor_steps=2, stage2_steps=10)
    seen: list[int] = []
    result = train(config, lambda step, _: seen.append(step), injection=Injection.of("nan", 1))
    assert result.diverged
    assert result.exact_end is None
    assert seen[-1] < config.total_steps


def test_a_resumed_run_steps_back_to_its_checkpoint_once(tiny: TrainerConfig) -> None:
    config = tiny.with_(freeze_actor_steps=18, stage2_steps=0)
    seen: list[int] = []
    train(config, lambda step, _: seen.append(step), injection=Injection.of("resume-rewind", 15))
    assert seen == [*range(1, 15), *range(11, 19)]


def test_a_stalled_run_hangs_before_its_step(tiny: TrainerConfig) -> None:
    config = tiny.with_(freeze_actor_steps=4, stage2_steps=0)
    events: list[object] = []
    train(
        config,
        lambda step, _: events.append(step),
        injection=Injection.of("stalled", 3),
        sleep=lambda seconds: events.append(f"hangs {seconds >= 1800}"),
    )
    assert events == [1, 2, "hangs True", 3, 4]


def test_before_its_onset_a_fault_changes_nothing(tiny: TrainerConfig) -> None:
    config = tiny.with_(freeze_actor_steps=6, stage2_steps=0)
    losses: list[list[float]] = []
    for injection in (Injection(), Injection.of("labels-swapped", 5)):
        row: list[float] = []
        losses.append(row)
        train(
            config,
            lambda _, metrics, row=row: row.append(metrics["critic/ranking_loss"]),  # type: ignore[misc]
            injection=injection,
        )
    assert losses[0][:4] == losses[1][:4]
    assert losses[0][4] != losses[1][4]


def test_an_unknown_fault_is_answered_with_the_names_there_are() -> None:
    with pytest.raises(UnknownFaultError, match="labels-swapped"):
        Injection.of("label-swap")


def test_every_fault_of_a_metric_is_tried_here() -> None:
    elsewhere = {"not-learning", "stalled", "resume-rewind", "stage2-nan"}
    assert set(FAULTS) == set(IN_WARMUP) | set(IN_STAGE2) | elsewhere
