"""A small causal transformer, the body of student, reference and critic."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - torch's own convention

from gadwatch_trainer.task import EOS, PAD, Answers


class DivergedError(RuntimeError):
    """The student's weights are no longer finite, so nothing can be sampled from it."""


Cache = list[tuple[Tensor, Tensor]]
"""Keys and values of each layer, (rows, heads, tokens, width / heads)."""


class Block(nn.Module):
    """Pre-norm self-attention and feed-forward."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm1 = nn.LayerNorm(width)
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)
        self.norm2 = nn.LayerNorm(width)
        self.up = nn.Linear(width, 2 * width)
        self.down = nn.Linear(2 * width, width)

    def forward(
        self, x: Tensor, past: tuple[Tensor, Tensor] | None
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """Maps (rows, tokens, width) to the same; with `past`, for one further token."""
        rows, tokens, width = x.shape
        qkv = self.qkv(self.norm1(x)).view(rows, tokens, 3, self.heads, -1)
        q, k, v = qkv.permute(2, 0, 3, 1, 4).unbind(0)
        if past is not None:
            k, v = torch.cat([past[0], k], dim=2), torch.cat([past[1], v], dim=2)
        mixed = F.scaled_dot_product_attention(q, k, v, is_causal=past is None)
        x = x + self.out(mixed.transpose(1, 2).reshape(rows, tokens, width))
        return self._feed(x), (k, v)

    def at(self, x: Tensor, last: Tensor) -> Tensor:
        """The same map worked out at index `last` of each row alone, (rows, width).

        A scalar head reads nothing else, so the last layer of a critic need not do more.
        """
        rows, tokens, width = x.shape
        normed = self.norm1(x)
        weight, bias = self.qkv.weight, self.qkv.bias
        kv = F.linear(normed, weight[width:], bias[width:]).view(rows, tokens, 2, self.heads, -1)
        k, v = kv.permute(2, 0, 3, 1, 4).unbind(0)
        row = torch.arange(rows, device=x.device)
        q = F.linear(normed[row, last], weight[:width], bias[:width])
        seen = torch.arange(tokens, device=x.device) <= last[:, None]
        mixed = F.scaled_dot_product_attention(
            q.view(rows, self.heads, 1, -1), k, v, attn_mask=seen[:, None, None]
        )
        return self._feed(x[row, last] + self.out(mixed.reshape(rows, width)))

    def _feed(self, x: Tensor) -> Tensor:
        fed: Tensor = self.down(F.relu(self.up(self.norm2(x))))
        return x + fed


class Body(nn.Module):
    """Embeddings and blocks: tokens in, hidden states out."""

    def __init__(
        self, vocabulary: int, positions: int, width: int, layers: int, heads: int
    ) -> None:
        super().__init__()
        self.symbols = nn.Embedding(vocabulary, width)
        self.positions = nn.Embedding(positions, width)
        self.blocks = nn.ModuleList(Block(width, heads) for _ in range(layers))
        self.norm = nn.LayerNorm(width)
        # Wide enough that the first norm does not magnify the embeddings' gradients: at 0.1 a
        # healthy critic's gradient norm passes 10 now and then, at 0.25 it stays below 5.
        for table in (self.symbols, self.positions):
            nn.init.normal_(table.weight, std=0.25)

    def forward(self, tokens: Tensor, past: Cache | None = None) -> tuple[Tensor, Cache]:
        """Hidden states (rows, tokens, width) and the cache to go on from."""
        x = self._embed(tokens, past[0][0].shape[2] if past else 0)
        cache: Cache = []
        for number, block in enumerate(self.blocks):
            x, kept = block(x, past[number] if past else None)
            cache.append(kept)
        return self.norm(x), cache

    def at(self, tokens: Tensor, last: Tensor) -> Tensor:
        """Hidden states (rows, width) at index `last` of each row."""
        x = self._embed(tokens, 0)
        for block in self.blocks[:-1]:
            x, _ = block(x, None)
        top = cast("Block", self.blocks[-1])
        read: Tensor = self.norm(top.at(x, last))
        return read

    def _embed(self, tokens: Tensor, start: int) -> Tensor:
        places = torch.arange(start, start + tokens.shape[1], device=tokens.device)
        embedded: Tensor = self.symbols(tokens) + self.positions(places)
        return embedded


class Student(nn.Module):
    """The actor: the body with a head over tokens."""

    def __init__(self, body: Body, vocabulary: int, width: int) -> None:
        super().__init__()
        self.body = body
        self.head = nn.Linear(width, vocabulary)

    def logits(self, tokens: Tensor, prompt_length: int) -> Tensor:
        """Logits of each answer token, (rows, answer tokens, vocabulary)."""
        hidden, _ = self.body(tokens[:, :-1])
        logits: Tensor = self.head(hidden[:, prompt_length - 1 :])
        return logits

    @torch.no_grad()
    def sample(
        self,
        prompts: Tensor,
        responses: int,
        limit: int,
        temperature: float,
        generator: torch.Generator,
    ) -> Answers:
        """`responses` sampled answers to each prompt.

        The prompt is read once for its whole group; each further token costs one token.
        Raises `DivergedError` where the weights are not finite.
        """
        hidden, cache = self.body(prompts)
        if not bool(hidden.isfinite().all()):
            raise DivergedError("the student's weights are not finite: the training has diverged")
        cache = [
            (k.repeat_interleave(responses, 0), v.repeat_interleave(responses, 0)) for k, v in cache
        ]
        last = hidden[:, -1].repeat_interleave(responses, 0)
        rows = len(last)
        open_rows = torch.ones(rows, dtype=torch.bool, device=prompts.device)
        lengths = torch.zeros(rows, dtype=torch.long, device=prompts.device)
        columns: list[Tensor] = []
        while True:
            chances = F.softmax(self.head(last) / temperature, 1)
            token = torch.multinomial(chances, 1, generator=generator)[:, 0]
            token = torch.where(open_rows, token, PAD)
            columns.append(token)
            lengths += open_rows
            open_rows = open_rows & (token != EOS)
            if len(columns) == limit or not bool(open_rows.any()):
                return Answers(torch.stack(columns, 1), lengths)
            hidden, cache = self.body(token[:, None], cache)
            last = hidden[:, -1]


class Critic(nn.Module):
    """The discriminator: the same body with a scalar head, read at the last token."""

    def __init__(self, body: Body, width: int) -> None:
        super().__init__()
        self.body = body
        self.head = nn.Linear(width, 1)
        nn.init.zeros_(self.head.bias)

    def forward(self, tokens: Tensor, last: Tensor) -> Tensor:
        """Scores (rows,) of texts whose last token stands at index `last`."""
        scores: Tensor = self.head(self.body.at(tokens, last))[:, 0]
        return scores
