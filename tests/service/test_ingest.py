import httpx2
import pytest
from tests.service.pushing import healthy_steps, new_run, push, step

pytestmark = pytest.mark.anyio


async def test_a_healthy_warmup_becomes_ready(client: httpx2.AsyncClient) -> None:
    run = await new_run(client)
    reply = await push(client, run, healthy_steps(1, 120))
    assert reply["accepted"] == 120
    assert reply["last_step"] == 120
    assert reply["health"] == "ok"
    assert reply["verdict"]["verdict"] == "ready"
    readiness = (await client.get(f"/api/v1/runs/{run}/readiness")).json()
    assert readiness["ready"] is True
    assessment = (await client.get(f"/api/v1/runs/{run}/assessment")).json()
    assert assessment["readiness"] == readiness["readiness"]
    assert assessment["steps"] == 120
    verdicts = (await client.get(f"/api/v1/runs/{run}/verdicts")).json()["items"]
    assert verdicts[0]["verdict"] == "ready"
    assert verdicts[0]["step"] == reply["verdict"]["since_step"]


async def test_pushing_the_same_steps_again_changes_nothing(client: httpx2.AsyncClient) -> None:
    run = await new_run(client)
    steps = healthy_steps(1, 60)
    first = await push(client, run, steps)
    before = (await client.get(f"/api/v1/runs/{run}/assessment")).json()
    again = await push(client, run, steps)
    assert (again["accepted"], again["duplicate"], again["late"]) == (0, 60, 0)
    assert again["verdict"] == first["verdict"]
    assert (await client.get(f"/api/v1/runs/{run}/assessment")).json() == before


async def test_any_batching_gives_the_same_assessment(client: httpx2.AsyncClient) -> None:
    steps = healthy_steps(1, 70)
    steps[40]["metrics"]["critic/grad_norm"] = 39.18
    whole = await new_run(client, "run-a")
    await push(client, whole, steps)
    single = await new_run(client, "run-b")
    for one in steps:
        await push(client, single, [one])
    replies = [
        (await client.get(f"/api/v1/runs/{run}/assessment")).json() for run in (whole, single)
    ]
    for reply in replies:
        del reply["run"]
    assert replies[0] == replies[1]


async def test_values_that_come_later_for_the_newest_step_join_it(
    client: httpx2.AsyncClient,
) -> None:
    run = await new_run(client)
    await push(client, run, healthy_steps(1, 10))
    reply = await push(client, run, [{"step": 10, "metrics": {"val/d_acc": 0.7}}])
    assert (reply["accepted"], reply["late"]) == (1, 0)
    detail = (await client.get(f"/api/v1/runs/{run}")).json()
    assert detail["latest"]["val/d_acc"] == 0.7
    assert detail["steps"] == 10


async def test_non_finite_values_are_taken_in_every_form(client: httpx2.AsyncClient) -> None:
    for number, form in enumerate(['"NaN"', "NaN", "null", '"Infinity"', "-Infinity"]):
        run = await new_run(client, f"run-{number}")
        await push(client, run, healthy_steps(1, 3))
        body = f'{{"steps": [{{"step": 4, "metrics": {{"critic/d_acc": {form}}}}}]}}'
        reply = await client.post(f"/api/v1/runs/{run}/steps", content=body)
        assert reply.status_code == 200, reply.text
        assert reply.json()["health"] == "critical"
        findings = (await client.get(f"/api/v1/runs/{run}/findings")).json()["items"]
        assert findings[0]["rule"] == "finite"
        assert findings[0]["metric"] == "critic/d_acc"


async def test_one_value_above_a_hundred_percent_leaves_the_others_what_they_are(
    client: httpx2.AsyncClient,
) -> None:
    run = await new_run(client)
    steps = healthy_steps(1, 120)
    for one in steps:
        one["metrics"]["critic/d_acc"] *= 100
    steps[40]["metrics"]["critic/d_acc"] = 250.0
    reply = await push(client, run, steps)
    assert (reply["health"], reply["verdict"]["verdict"]) == ("ok", "ready")
    judged = (
        await client.post("/api/v1/evaluate", json={"steps": steps, "stage": "warmup"})
    ).json()
    assert (judged["health"], judged["readiness"]["verdict"]) == ("ok", "ready")


async def test_a_bad_value_refuses_the_whole_batch_and_is_named(
    client: httpx2.AsyncClient,
) -> None:
    run = await new_run(client)
    steps = [*healthy_steps(1, 3), step(4, critic__d_acc=True)]
    reply = await client.post(f"/api/v1/runs/{run}/steps", json={"steps": steps})
    assert reply.status_code == 422
    assert reply.headers["content-type"] == "application/problem+json"
    assert (reply.json()["step"], reply.json()["metric"]) == (4, "critic/d_acc")
    assert (await client.get(f"/api/v1/runs/{run}")).json()["steps"] == 0


async def test_steps_of_an_unknown_run_are_refused(client: httpx2.AsyncClient) -> None:
    reply = await client.post("/api/v1/runs/nobody/steps", json={"steps": []})
    assert reply.status_code == 404
