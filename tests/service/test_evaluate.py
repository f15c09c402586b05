import httpx2
import pytest
from tests.service.pushing import healthy_steps

pytestmark = pytest.mark.anyio

REFERENCE = {
    "reward/discriminator_mean": -1.88,
    "critic/rewards/mean": -1.88,
    "critic/d_acc": 0.9473,
    "critic/score_diff": 1.81,
    "critic/teacher_score_mean": 1.81,
    "critic/student_score_mean": -1.33,
    "critic/grad_norm": 0.398,
    "critic/ranking_loss": 0.530,
}


async def test_the_reference_step_is_a_ready_snapshot(client: httpx2.AsyncClient) -> None:
    wish = {"steps": [{"step": 253, "metrics": REFERENCE}], "snapshot": True}
    reply = (await client.post("/api/v1/evaluate", json=wish)).json()
    assert reply["basis"] == "snapshot"
    assert reply["readiness"]["verdict"] == "ready"
    assert "negative_reward_is_normal" in {one["id"] for one in reply["diagnoses"]}


async def test_steps_are_judged_and_nothing_is_stored(client: httpx2.AsyncClient) -> None:
    wish = {"steps": healthy_steps(1, 80), "stage": "warmup", "run": "what-if"}
    reply = (await client.post("/api/v1/evaluate", json=wish)).json()
    assert (reply["run"], reply["steps"]) == ("what-if", 80)
    assert reply["readiness"]["verdict"] == "ready"
    assert (await client.get("/api/v1/runs")).json()["items"] == []


async def test_unknown_overrides_are_refused(client: httpx2.AsyncClient) -> None:
    wish = {"steps": [], "overrides": {"no_such_rule": {"high": 1}}}
    reply = await client.post("/api/v1/evaluate", json=wish)
    assert reply.status_code == 422
    assert "no_such_rule" in reply.json()["detail"]
