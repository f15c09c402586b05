"""One training run's networks and the step that moves them."""

from __future__ import annotations

import copy
import time
from typing import Literal, Self

import torch
from torch import Tensor

from gadwatch_trainer.actor import train_actor
from gadwatch_trainer.config import TrainerConfig
from gadwatch_trainer.critic import accuracy, identical, score, train_critic, without_end
from gadwatch_trainer.measure import answer_metrics, seeded
from gadwatch_trainer.model import Body, Critic, Student
from gadwatch_trainer.pretrain import pretrain
from gadwatch_trainer.settings import Settings
from gadwatch_trainer.task import Answers, Task

Stage = Literal["warmup", "stage2"]
Metrics = dict[str, float]

_PROBE_RESPONSES = 4
_DATA, _SAMPLING, _NOISE, _PROBE, _EXACT = range(5)


class Trainer:
    """Student, reference and critic with their optimisers and generators.

    The state is the object: `copy.deepcopy` of it is a checkpoint, and both go on alike.
    """

    def __init__(self, config: TrainerConfig) -> None:
        torch.set_num_threads(config.threads)
        self.config = config
        self.device = config.device
        if self.device == "auto":
            self.device = "cuda" if torch.cuda.is_available() else "cpu"
        self.task = Task(config.alphabet, config.length, config.flourishes, config.teacher_slip)
        self.stage: Stage = "warmup"
        self.step_number = 0
        self.stage_start = 0
        self._data, self._sampling, self._noise = map(self._seeded, (_DATA, _SAMPLING, _NOISE))
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(config.seed)
            student = Student(self._body(), self.task.vocabulary, config.width)
            critic = Critic(self._body(), config.width)
        self.student, self.critic = student.to(self.device), critic.to(self.device)
        pretrain(self.student, self.task, config, self._data)
        self.critic.body.load_state_dict(self.student.body.state_dict())
        self.reference = copy.deepcopy(self.student).requires_grad_(requires_grad=False)
        self._critic_optimiser = torch.optim.Adam(self.critic.parameters(), fused=True)
        self._actor_optimiser = torch.optim.Adam(self.student.parameters(), fused=True)

        probe = self._seeded(_PROBE)
        self._probe_prompts = self.task.prompts(config.probe_prompts, probe)
        self._probe_teacher = self.task.answer(self._probe_prompts, probe)
        self._probe_student = self._sample(self._probe_prompts, _PROBE_RESPONSES, 1.0, probe)
        self._exact_prompts = self.task.prompts(config.exact_prompts, probe)

    def enter_stage2(self) -> None:
        """From the next step on the actor trains too."""
        self.stage = "stage2"
        self.stage_start = self.step_number

    def checkpoint(self) -> Self:
        """A copy that goes on exactly as this trainer would."""
        return copy.deepcopy(self)

    def resumed(self) -> Self:
        """A copy as a restarted process has it: weights kept, random streams begun anew."""
        again = self.checkpoint()
        again.reseed(self.step_number)
        return again

    def reseed(self, salt: int) -> None:
        """Begins other streams of data and samples, the same ones for the same salt."""
        self._data = self._seeded(10 + 2 * salt)
        self._sampling = self._seeded(11 + 2 * salt)

    def exact(self) -> float:
        """Share of right answers among one sampled answer to each held-out prompt."""
        answers = self._sample(self._exact_prompts, 1, 1.0, self._seeded(_EXACT))
        return float(self.task.exact(self._exact_prompts, answers).double().mean())

    @torch.no_grad()
    def probe(self) -> float:
        """The critic's d_acc on fixed pairs that it never trains on."""
        t, s = (
            score(self.critic, self._probe_prompts.repeat_interleave(_PROBE_RESPONSES, 0), answers)
            for answers in (self._probe_teacher.repeat(_PROBE_RESPONSES), self._probe_student)
        )
        ties = identical(self._probe_teacher.repeat(_PROBE_RESPONSES), self._probe_student)
        return accuracy(t, s, ties)

    def step(self, settings: Settings | None = None) -> Metrics:
        """One training step; returns its metrics under their canonical names.

        The critic learns in both stages. In warm-up the actor is frozen and has no metrics.
        Raises `DivergedError` when the student can no longer be sampled.
        """
        started = time.perf_counter()
        c = self.config
        settings = settings or Settings.of(c)
        self.step_number += 1
        prompts = self.task.prompts(c.prompts, self._data)
        teacher = self.task.answer(prompts, self._data, longest=settings.long_teacher)
        student = self._sample(prompts, c.responses, settings.sampling_temperature, self._sampling)
        metrics, reward = train_critic(
            self.critic,
            self._critic_optimiser,
            prompts,
            teacher,
            student if settings.student_end else without_end(student),
            settings,
            c.critic_clip,
            self._noise,
        )
        metrics |= answer_metrics(student, reward, c.max_response, settings.length_bonus)
        if self.stage == "stage2":
            metrics |= train_actor(
                self.student,
                self.reference,
                self._actor_optimiser,
                prompts.repeat_interleave(c.responses, 0),
                student,
                reward + settings.length_bonus * student.lengths,
                settings,
                c,
            )
        if self.step_number % c.probe_every == 0:
            metrics["val/d_acc"] = self.probe()
        if self.step_number % c.exact_every == 0:
            metrics["task/exact"] = self.exact()
        metrics["timing/step_s"] = time.perf_counter() - started
        return {name: value for name, value in metrics.items() if name not in settings.unlogged}

    def _seeded(self, purpose: int) -> torch.Generator:
        return seeded(self.config.seed, purpose, self.device)

    def _body(self) -> Body:
        c = self.config
        positions = self.task.prompt_length + c.max_response
        return Body(self.task.vocabulary, positions, c.width, c.layers, c.heads)

    def _sample(
        self, prompts: Tensor, responses: int, temperature: float, generator: torch.Generator
    ) -> Answers:
        limit = self.config.max_response
        return self.student.sample(prompts, responses, limit, temperature, generator)
