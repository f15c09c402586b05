"""Supervised pre-training: the student starts as a poor imitation of the teacher."""

from __future__ import annotations

import torch

from gadwatch_trainer.actor import answer_mask, log_probabilities
from gadwatch_trainer.config import TrainerConfig
from gadwatch_trainer.model import Student
from gadwatch_trainer.task import Task


def pretrain(
    student: Student, task: Task, config: TrainerConfig, generator: torch.Generator
) -> None:
    """Cross-entropy on fresh teacher answers, until its loss is `pretrain_loss` nats a token."""
    optimiser = torch.optim.Adam(student.parameters(), lr=config.pretrain_lr, fused=True)
    for _ in range(config.pretrain_steps):
        prompts = task.prompts(config.pretrain_batch, generator)
        answers = task.answer(prompts, generator)
        logs, _ = log_probabilities(student, prompts, answers)
        mask = answer_mask(answers)
        loss = -(logs * mask).sum() / mask.sum()
        if float(loss.detach()) <= config.pretrain_loss:
            return
        optimiser.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        optimiser.step()
