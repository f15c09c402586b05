"""The actor's step: GRPO with the critic's score as reward and a KL to the reference."""

from __future__ import annotations

from collections import defaultdict

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - torch's own convention

from gadwatch_trainer.config import TrainerConfig
from gadwatch_trainer.model import Student
from gadwatch_trainer.settings import Settings
from gadwatch_trainer.task import Answers, text

_ROUNDING = 1e-5
"""Largest spread of scores that float32 alone gives to equal texts."""


def group_advantages(reward: Tensor, responses: int) -> Tensor:
    """Rewards (rows,) normalised inside each prompt's group: mean 0, deviation 1.

    A group whose rewards are all alike, to the rounding of a score, gets advantages of 0 and
    teaches nothing: the same text in two rows of a batch may differ in its last bits.
    """
    groups = reward.view(-1, responses)
    centred = groups - groups.mean(1, keepdim=True)
    spread = groups.std(1, keepdim=True)
    return torch.where(spread <= _ROUNDING, 0.0, centred / (spread + 1e-6)).view(-1)


def answer_mask(answers: Answers) -> Tensor:
    """True on the tokens of each answer with its end sign, (rows, longest)."""
    return (
        torch.arange(answers.tokens.shape[1], device=answers.lengths.device)
        < (answers.lengths[:, None])
    )


def log_probabilities(student: Student, prompts: Tensor, answers: Answers) -> tuple[Tensor, Tensor]:
    """Log-probability of each answer token and entropy at it, both (rows, longest)."""
    logits = student.logits(text(prompts, answers), prompts.shape[1])
    every = F.log_softmax(logits, 2)
    return every.gather(2, answers.tokens[:, :, None])[:, :, 0], -(every.exp() * every).sum(2)


def train_actor(
    student: Student,
    reference: Student,
    optimiser: torch.optim.Optimizer,
    prompts: Tensor,
    answers: Answers,
    reward: Tensor,
    settings: Settings,
    config: TrainerConfig,
) -> dict[str, float]:
    """One pass over the sampled answers in `minibatches` updates; returns the actor's metrics.

    `prompts` has a row for each answer. The ratio is taken against the policy that sampled,
    so from the second update on `actor/ppo_kl` and `actor/pg_clipfrac` are not nought.
    """
    advantages = group_advantages(reward, config.responses)
    mask = answer_mask(answers)
    with torch.no_grad():
        old, _ = log_probabilities(student, prompts, answers)
        anchor, _ = log_probabilities(reference, prompts, answers)
    for group_of_weights in optimiser.param_groups:
        group_of_weights["lr"] = settings.actor_lr

    sums: defaultdict[str, float] = defaultdict(float)
    for rows in torch.arange(len(reward), device=reward.device).chunk(config.minibatches):
        part = Answers(answers.tokens[rows], answers.lengths[rows])
        here, weight = mask[rows], mask[rows].sum()
        new, entropy = log_probabilities(student, prompts[rows], part)
        ratio = (new - old[rows]).exp()
        gain = advantages[rows][:, None]
        clipped = ratio.clamp(1 - config.clip_ratio, 1 + config.clip_ratio)
        surrogate = torch.minimum(ratio * gain, clipped * gain)
        pg_loss = -(surrogate * here).sum() / weight
        # The k3 estimator of KL(student | reference): unbiased, never negative.
        away = anchor[rows] - new
        kl = ((away.exp() - away - 1) * here).sum() / weight

        optimiser.zero_grad(set_to_none=True)
        torch.autograd.backward(pg_loss + settings.kl_weight * kl)
        norm = torch.nn.utils.clip_grad_norm_(student.parameters(), config.actor_clip)
        optimiser.step()

        over = (ratio * gain > clipped * gain) & here
        for name, value in (
            ("actor/pg_loss", pg_loss),
            ("actor/kl_loss", kl),
            ("actor/grad_norm", norm),
            ("actor/entropy", (entropy * here).sum() / weight),
            ("actor/ppo_kl", ((old[rows] - new) * here).sum() / weight),
            ("actor/pg_clipfrac", over.sum() / weight),
        ):
            sums[name] += float(value.detach()) / config.minibatches
    return {
        **sums,
        "actor/lr": settings.actor_lr,
        "critic/advantages/mean": float(advantages.mean()),
        "critic/advantages/max": float(advantages.max()),
        "critic/advantages/min": float(advantages.min()),
    }
