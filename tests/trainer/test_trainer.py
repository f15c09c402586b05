import json
from pathlib import Path

import pytest
import torch

from gadwatch_trainer import Injection, Trainer, TrainerConfig, run, train

NEEDED_IN_WARMUP = {
    "critic/d_acc",
    "critic/score_diff",
    "critic/teacher_score_mean",
    "critic/student_score_mean",
    "critic/ranking_loss",
    "critic/grad_norm",
    "critic/temperature",
    "critic/tie_ratio",
    "critic/pairs",
    "critic/score_reg",
    "reward/discriminator_mean",
    "critic/rewards/mean",
    "response_length/mean",
    "response_length/clip_ratio",
    "timing/step_s",
}
NEEDED_IN_STAGE2 = NEEDED_IN_WARMUP | {
    "actor/pg_loss",
    "actor/grad_norm",
    "actor/entropy",
    "actor/ppo_kl",
    "actor/pg_clipfrac",
}
Warmup = tuple[Trainer, list[dict[str, float]]]


def weights(network: torch.nn.Module) -> torch.Tensor:
    return torch.nn.utils.parameters_to_vector(network.parameters()).detach().clone()


def untimed(steps: list[dict[str, float]]) -> list[dict[str, float]]:
    return [{name: v for name, v in row.items() if name != "timing/step_s"} for row in steps]


def test_the_actor_is_frozen_in_warm_up_and_has_no_metrics(warmup: Warmup) -> None:
    trainer, steps = warmup
    assert torch.equal(weights(trainer.student), weights(trainer.reference))
    assert not [name for row in steps for name in row if name.startswith("actor/")]
    assert all(set(row) >= NEEDED_IN_WARMUP for row in steps)


def test_in_stage_2_actor_and_critic_learn_and_the_reference_stays(warmed: Trainer) -> None:
    before = [weights(n) for n in (warmed.student, warmed.critic, warmed.reference)]
    warmed.enter_stage2()
    assert set(warmed.step()) >= NEEDED_IN_STAGE2
    after = [weights(n) for n in (warmed.student, warmed.critic, warmed.reference)]
    same = [torch.equal(*pair) for pair in zip(before, after, strict=True)]
    assert same == [False, False, True]


def test_the_probe_is_measured_as_often_as_configured(warmup: Warmup) -> None:
    trainer, steps = warmup
    every = trainer.config.probe_every
    assert [n for n, row in enumerate(steps, 1) if "val/d_acc" in row] == list(
        range(every, len(steps) + 1, every)
    )


def test_the_same_seed_gives_the_same_metrics(tiny: TrainerConfig) -> None:
    config = tiny.with_(freeze_actor_steps=4, stage2_steps=4)
    runs = [[], []]  # type: list[list[dict[str, float]]]
    for steps in runs:
        train(config, lambda _, metrics, steps=steps: steps.append(metrics))  # type: ignore[misc]
    assert untimed(runs[0]) == untimed(runs[1])
    other = Trainer(config.with_(seed=9)).step()
    assert other["critic/score_diff"] != runs[0][0]["critic/score_diff"]


def test_a_checkpoint_goes_on_as_the_trainer_does(warmed: Trainer) -> None:
    warmed.enter_stage2()
    copy = warmed.checkpoint()
    here, there = ([trainer.step() for _ in range(3)] for trainer in (warmed, copy))
    assert untimed(here) == untimed(there)


def test_a_resumed_process_keeps_the_weights_and_draws_other_data(warmed: Trainer) -> None:
    again = warmed.resumed()
    assert torch.equal(weights(warmed.critic), weights(again.critic))
    assert untimed([warmed.step()]) != untimed([again.step()])


def test_a_fixed_warm_up_hands_over_after_its_steps(tiny: TrainerConfig) -> None:
    stages: list[tuple[int, bool]] = []
    result = train(
        tiny.with_(freeze_actor_steps=3, stage2_steps=2),
        lambda step, metrics: stages.append((step, "actor/pg_loss" in metrics)),
    )
    assert stages == [(1, False), (2, False), (3, False), (4, True), (5, True)]
    assert (result.stage2_from, result.steps) == (4, 5)


def test_a_gate_moves_the_border_and_not_the_total(tiny: TrainerConfig) -> None:
    told: list[str] = []
    config = tiny.with_(freeze_actor_steps=5, stage2_steps=2)
    early = train(config, lambda *_: None, lambda step: step >= 2, on_stage=told.append)
    never = train(config, lambda *_: None, lambda _: False)
    assert (early.stage2_from, early.steps, told) == (3, 7, ["stage2"])
    assert (never.stage2_from, never.steps, never.exact_handover) == (None, 7, None)


def test_a_warm_up_of_no_steps_begins_with_stage_2(tiny: TrainerConfig) -> None:
    config = tiny.with_(freeze_actor_steps=0, stage2_steps=1)
    assert train(config, lambda *_: None).stage2_from == 1


def test_a_run_without_the_service_writes_its_steps(tiny: TrainerConfig, tmp_path: Path) -> None:
    out = tmp_path / "deep" / "metrics.jsonl"
    run(tiny.with_(freeze_actor_steps=3, stage2_steps=1), push=False, out=out)
    lines = [json.loads(line) for line in out.read_text().splitlines()]
    assert [line["step"] for line in lines] == [1, 2, 3, 4]
    assert set(lines[0]["metrics"]) >= NEEDED_IN_WARMUP


def test_a_gate_that_cannot_be_asked_is_refused(tiny: TrainerConfig) -> None:
    with pytest.raises(ValueError, match="needs push"):
        run(tiny, gate="auto", push=False)
    with pytest.raises(ValueError, match="gate"):
        run(tiny, gate="never", push=False)  # type: ignore[arg-type]


def test_an_onset_before_the_first_step_is_refused() -> None:
    with pytest.raises(ValueError, match="onset"):
        Injection.of("nan", 0)
