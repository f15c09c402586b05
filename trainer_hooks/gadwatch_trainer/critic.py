"""The critic's step: Bradley-Terry on pairs of one teacher and one student answer."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - torch's own convention

from gadwatch_trainer.model import Critic
from gadwatch_trainer.settings import Settings
from gadwatch_trainer.task import EOS, PAD, Answers, text


def score(critic: Critic, prompts: Tensor, answers: Answers) -> Tensor:
    """Scores (rows,) of answers, each read at its last token."""
    scores: Tensor = critic(text(prompts, answers), prompts.shape[1] + answers.lengths - 1)
    return scores


def ranking_loss(teacher: Tensor, student: Tensor, temperature: float) -> Tensor:
    """Mean of -log sigmoid((teacher - student) / temperature), in nats; ln 2 at chance."""
    return F.softplus((student - teacher) / temperature).mean()


def accuracy(teacher: Tensor, student: Tensor, ties: Tensor) -> float:
    """Share of pairs with the teacher's score above the student's; `ties` count as wrong.

    Ties are told by their texts: the last bit of two equal scores depends on the batch.
    """
    return float(((teacher > student) & ~ties).double().mean())


def identical(teacher: Answers, student: Answers) -> Tensor:
    """Which pairs are the same text, (rows,) of bool: their scores are equal by construction."""
    width = max(teacher.tokens.shape[1], student.tokens.shape[1])
    left, right = (
        F.pad(answers.tokens, (0, width - answers.tokens.shape[1]))
        for answers in (teacher, student)
    )
    return (left == right).all(1) & (teacher.lengths == student.lengths)


def without_end(answers: Answers) -> Answers:
    """The same answers with their end signs cut off: what a leaking tokenisation hands over."""
    ended = answers.tokens == EOS
    return Answers(answers.tokens.masked_fill(ended, PAD), answers.lengths - ended.any(1).long())


def train_critic(
    critic: Critic,
    optimiser: torch.optim.Optimizer,
    prompts: Tensor,
    teacher: Answers,
    student: Answers,
    settings: Settings,
    clip: float,
    generator: torch.Generator,
) -> tuple[dict[str, float], Tensor]:
    """One update on all pairs of the batch.

    `teacher` holds one answer for each of the prompts, `student` a group of them. Returns the
    metrics, measured before the update, and the student's scores (rows,), detached: in stage
    2 they are the actor's reward.
    """
    group = len(student.tokens) // len(prompts)
    t = score(critic, prompts, teacher).repeat_interleave(group, 0)
    s = score(critic, prompts.repeat_interleave(group, 0), student)
    reward = s.detach()
    if settings.mislabelled:
        wrong = torch.rand(len(s), generator=generator, device=s.device) < settings.mislabelled
        t, s = torch.where(wrong, s, t), torch.where(wrong, t, s)
    ties = identical(teacher.repeat(group), student) | (t == s)
    loss = (
        ranking_loss(s, t, settings.temperature)
        if settings.loss_reversed
        else ranking_loss(t, s, settings.temperature)
    )
    penalty = settings.score_reg * (t.square() + s.square()).mean()

    optimiser.zero_grad(set_to_none=True)
    torch.autograd.backward((loss + penalty) * settings.loss_scale)
    for group_of_weights in optimiser.param_groups:
        group_of_weights["lr"] = settings.critic_lr
    norm = torch.nn.utils.clip_grad_norm_(critic.parameters(), clip)
    optimiser.step()

    teacher_mean, student_mean = float(t.detach().mean()), float(s.detach().mean())
    return {
        "critic/d_acc": accuracy(t, s, ties),
        "critic/score_diff": teacher_mean - student_mean,
        "critic/teacher_score_mean": teacher_mean,
        "critic/student_score_mean": student_mean,
        "critic/ranking_loss": float(loss.detach()),
        "critic/grad_norm": float(norm),
        "critic/temperature": settings.temperature,
        "critic/score_reg": float(penalty.detach()),
        "critic/tie_ratio": float(ties.double().mean()),
        "critic/pairs": float(len(s)),
        "critic/lr": settings.critic_lr,
    }, reward
