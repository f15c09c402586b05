"""The task and its black-box teacher: a program that answers with text and nothing else.

A prompt is `length` symbols and a separator; a right answer is the symbols in reverse, then
nought to `flourishes` closing signs of free choice, then the end sign. Free choice gives the
answers different lengths that say nothing of their quality, as real text has. Student and
teacher answers pass through the same `Batch`, end sign included.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

PAD, EOS, SEP, FLOURISH = 0, 1, 2, 3
FIRST_SYMBOL = 4


@dataclass(frozen=True, slots=True)
class Answers:
    """Answers as padded token rows.

    `tokens` is (rows, longest), `lengths` counts the tokens of a row with its end sign;
    a row that ran into the length limit has no end sign.
    """

    tokens: Tensor
    lengths: Tensor

    def repeat(self, times: int) -> Answers:
        """Every row `times` times in a row, as groups of responses lie."""
        return Answers(
            self.tokens.repeat_interleave(times, 0), self.lengths.repeat_interleave(times, 0)
        )


@dataclass(frozen=True, slots=True)
class Task:
    """Reversing symbols; `slip` is the share of teacher answers with two neighbours exchanged."""

    alphabet: int
    length: int
    flourishes: int
    slip: float

    @property
    def vocabulary(self) -> int:
        """Number of tokens."""
        return FIRST_SYMBOL + self.alphabet

    @property
    def prompt_length(self) -> int:
        """Tokens of a prompt: the symbols and the separator."""
        return self.length + 1

    def prompts(self, count: int, generator: torch.Generator) -> Tensor:
        """Random prompts, (count, prompt_length)."""
        symbols = _draw(FIRST_SYMBOL, self.vocabulary, (count, self.length), generator)
        return torch.cat([symbols, torch.full_like(symbols[:, :1], SEP)], dim=1)

    def answer(
        self, prompts: Tensor, generator: torch.Generator, *, longest: bool = False
    ) -> Answers:
        """The teacher's answers to `prompts`, one each; `longest` closes all with every sign."""
        count = len(prompts)
        body = prompts[:, : self.length].flip(1)
        slipped = torch.rand(count, generator=generator, device=generator.device) < self.slip
        at = _draw(0, self.length - 1, (count, 1), generator)
        pair = torch.cat([at, at + 1], dim=1)
        exchanged = body.scatter(1, pair, body.gather(1, pair.flip(1)))
        body = torch.where(slipped[:, None], exchanged, body)
        fewest = self.flourishes if longest else 0
        signs = _draw(fewest, self.flourishes + 1, (count, 1), generator)
        column = torch.arange(self.flourishes + 1, device=signs.device)
        tail = torch.where(column < signs, FLOURISH, torch.where(column == signs, EOS, PAD))
        return Answers(torch.cat([body, tail], dim=1), self.length + 1 + signs[:, 0])

    def exact(self, prompts: Tensor, answers: Answers) -> Tensor:
        """Whether each answer is right, (rows,) of bool: the measure no model can flatter."""
        width = answers.tokens.shape[1]
        longest = self.length + self.flourishes + 1
        tokens = torch.nn.functional.pad(answers.tokens, (0, max(0, longest - width)))
        body_right = (tokens[:, : self.length] == prompts[:, : self.length].flip(1)).all(1)
        column = torch.arange(tokens.shape[1], device=tokens.device)
        end = (answers.lengths - 1)[:, None]
        tail = (column >= self.length) & (column < end)
        tail_right = ((tokens == FLOURISH) | ~tail).all(1)
        ended = tokens.gather(1, end)[:, 0] == EOS
        return (
            body_right
            & tail_right
            & ended
            & (answers.lengths <= longest)
            & (answers.lengths > self.length)
        )


def text(prompts: Tensor, answers: Answers) -> Tensor:
    """Prompt and answer in one row each, (rows, prompt + longest): what every network reads."""
    return torch.cat([prompts, answers.tokens], dim=1)


def _draw(low: int, high: int, shape: tuple[int, int], generator: torch.Generator) -> Tensor:
    """Whole numbers from `low` up to but not `high`, on the generator's device."""
    return torch.randint(low, high, shape, generator=generator, device=generator.device)
