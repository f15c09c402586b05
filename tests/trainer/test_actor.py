import torch

from gadwatch_trainer import Trainer
from gadwatch_trainer.actor import group_advantages, train_actor
from gadwatch_trainer.measure import seeded
from gadwatch_trainer.settings import Settings


def test_advantages_are_normalised_inside_each_group() -> None:
    reward = torch.randn(6, 8, generator=seeded(0, 0)) * torch.arange(1, 7)[:, None] + 5
    advantages = group_advantages(reward.view(-1), 8).view(6, 8)
    torch.testing.assert_close(advantages.mean(1), torch.zeros(6), atol=1e-5, rtol=0)
    torch.testing.assert_close(advantages.std(1), torch.ones(6), atol=1e-3, rtol=0)


def test_a_group_of_equal_rewards_teaches_nothing() -> None:
    assert not group_advantages(torch.full((8,), 3.7), 4).any()


def test_grpo_raises_the_reward_it_is_given(warmed: Trainer) -> None:
    """With the task's own measure as reward, exact answers become more frequent."""
    config, task = warmed.config.with_(kl_weight=0.0, actor_lr=3e-3), warmed.task
    before = warmed.exact()
    for round_ in range(40):
        prompts = task.prompts(16, seeded(1, round_)).repeat_interleave(8, 0)
        answers = warmed.student.sample(prompts, 1, 8, 1.0, seeded(2, round_))
        reward = task.exact(prompts, answers).float()
        train_actor(
            warmed.student,
            warmed.reference,
            warmed._actor_optimiser,
            prompts,
            answers,
            reward,
            Settings.of(config),
            config,
        )
    assert warmed.exact() > before + 0.2


def test_the_first_update_is_on_policy_and_the_second_is_not(warmed: Trainer) -> None:
    warmed.enter_stage2()
    metrics = warmed.step()
    assert 0 < abs(metrics["actor/ppo_kl"]) < 0.1
    assert metrics["actor/entropy"] > 0
    assert metrics["actor/kl_loss"] >= 0
