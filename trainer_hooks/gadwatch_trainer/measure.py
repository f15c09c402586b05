"""Figures of a batch of answers that belong to neither the critic nor the actor."""

from __future__ import annotations

import torch
from torch import Tensor

from gadwatch_trainer.task import Answers


def correlation(left: Tensor, right: Tensor) -> float | None:
    """Pearson's r of two (rows,) tensors; None where either is constant and r has no value."""
    left, right = left.double() - left.double().mean(), right.double() - right.double().mean()
    size = left.norm() * right.norm()
    return float(left @ right / size) if float(size) != 0.0 else None


def answer_metrics(answers: Answers, reward: Tensor, limit: int, bonus: float) -> dict[str, float]:
    """Rewards and lengths of a batch, under their canonical names.

    `bonus` is the format reward for each token; its share is logged only where it is on.
    """
    lengths = answers.lengths.float()
    discriminator = float(reward.mean())
    metrics = {
        "reward/discriminator_mean": discriminator,
        "critic/rewards/mean": discriminator + bonus * float(lengths.mean()),
        "response_length/mean": float(lengths.mean()),
        "response_length/max": float(lengths.max()),
        "response_length/min": float(lengths.min()),
        "response_length/clip_ratio": float((answers.lengths == limit).double().mean()),
    }
    if bonus:
        metrics["reward/format_contribution_mean"] = bonus * float(lengths.mean())
    r = correlation(lengths, reward)
    if r is not None:
        metrics["length_reward/correlation"] = r
    return metrics


def seeded(seed: int, purpose: int, device: torch.device | str = "cpu") -> torch.Generator:
    """A generator of its own for each purpose, so that one more draw here moves nothing there."""
    return torch.Generator(device).manual_seed(seed * 1_000_003 + purpose)
