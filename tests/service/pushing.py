"""Runs and steps for tests of the service."""

import random
from typing import Any

import httpx2

HEALTHY = {
    "critic/d_acc": 0.86,
    "critic/score_diff": 1.81,
    "critic/teacher_score_mean": 1.2,
    "critic/student_score_mean": -0.61,
    "critic/grad_norm": 0.9,
    "critic/ranking_loss": 0.4,
    "critic/rewards/mean": -1.7,
    "reward/discriminator_mean": -1.7,
}
"""One step of a healthy warm-up."""


def healthy_steps(first: int, last: int, seed: int = 0) -> list[dict[str, Any]]:
    """Steps of a healthy warm-up with a little noise."""
    noise = random.Random(seed)
    return [
        {
            "step": step,
            "time": 1_700_000_000.0 + step,
            "metrics": {
                name: value * (1 + 0.02 * noise.uniform(-1, 1)) for name, value in HEALTHY.items()
            },
        }
        for step in range(first, last + 1)
    ]


async def new_run(client: httpx2.AsyncClient, run_id: str = "warmup-7", **wish: Any) -> str:
    """Create a run in warm-up and return its id."""
    body = {"id": run_id, "project": "gad", "stage": "warmup", "warmup_steps": 253, **wish}
    reply = await client.post("/api/v1/runs", json=body)
    assert reply.status_code in {200, 201}, reply.text
    return run_id


async def push(
    client: httpx2.AsyncClient, run_id: str, steps: list[dict[str, Any]], **more: Any
) -> dict[str, Any]:
    """Push steps and return the reply, which must be a success."""
    reply = await client.post(f"/api/v1/runs/{run_id}/steps", json={"steps": steps, **more})
    assert reply.status_code == 200, reply.text
    answer: dict[str, Any] = reply.json()
    return answer


def step(number: int, **metrics: Any) -> dict[str, Any]:
    """A step whose metrics are healthy but for those given; ``_`` in names stands for ``/``."""
    renamed = {name.replace("__", "/"): value for name, value in metrics.items()}
    return {"step": number, "metrics": {**HEALTHY, **renamed}}
