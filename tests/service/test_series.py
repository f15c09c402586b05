import httpx2
import numpy as np
import pytest
from tests.service.pushing import healthy_steps, new_run, push, step

from gadwatch_service.history import blocks as history_blocks
from gadwatch_service.series.downsample import Atoms, thin
from gadwatch_service.upkeep import sealing


def test_thinning_keeps_extremes_ends_and_non_finite_points() -> None:
    values = np.sin(np.arange(10_000) / 500)
    values[1234], values[7777], values[4321] = 50.0, -50.0, np.nan
    steps, thinned = thin(Atoms.of_points(np.arange(10_000), values), 500)
    assert len(steps) <= 510
    kept = dict(zip(steps.tolist(), thinned.tolist(), strict=True))
    assert kept[1234] == 50.0
    assert kept[7777] == -50.0
    assert np.isnan(kept[4321])
    assert {0, 9999} <= kept.keys()
    assert all(values[s] == v for s, v in kept.items() if np.isfinite(v))


@pytest.mark.anyio
async def test_a_short_series_comes_whole(client: httpx2.AsyncClient) -> None:
    run = await new_run(client)
    await push(client, run, [step(n, critic__d_acc=n / 100) for n in range(1, 51)])
    reply = await client.get(
        f"/api/v1/runs/{run}/series", params={"metric": ["d_acc", "nothing"], "axis": "wall"}
    )
    d_acc, nothing = reply.json()["items"]
    assert d_acc["metric"] == "critic/d_acc"
    assert d_acc["steps"] == list(range(1, 51))
    assert d_acc["values"] == [n / 100 for n in range(1, 51)]
    assert len(d_acc["times"]) == 50
    assert nothing["steps"] == []
    part = await client.get(
        f"/api/v1/runs/{run}/series", params={"metric": "critic/d_acc", "from": 40, "to": 42}
    )
    assert part.json()["items"][0]["steps"] == [40, 41, 42]


@pytest.mark.anyio
async def test_an_unchanged_run_answers_304(client: httpx2.AsyncClient) -> None:
    run = await new_run(client)
    await push(client, run, healthy_steps(1, 5))
    address = f"/api/v1/runs/{run}/series?metric=critic/d_acc"
    tag = (await client.get(address)).headers["etag"]
    again = await client.get(address, headers={"If-None-Match": tag})
    assert again.status_code == 304
    await push(client, run, healthy_steps(6, 6))
    assert (await client.get(address, headers={"If-None-Match": tag})).status_code == 200


@pytest.mark.anyio
async def test_non_finite_values_come_as_words(client: httpx2.AsyncClient) -> None:
    run = await new_run(client)
    await push(
        client, run, [step(1), step(2, critic__d_acc="NaN"), step(3, critic__d_acc="-Infinity")]
    )
    reply = await client.get(f"/api/v1/runs/{run}/series?metric=critic/d_acc")
    assert reply.json()["items"][0]["values"][1:] == ["NaN", "-Infinity"]


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (history_blocks, sealing):
        monkeypatch.setattr(module, "BLOCK_STEPS", 8)


@pytest.mark.anyio
async def test_a_long_series_shows_extremes_at_their_own_steps(
    client: httpx2.AsyncClient, small_blocks: None
) -> None:
    run = await new_run(client)
    values = {n: 0.8 + n / 10_000 for n in range(1, 401)}
    values[123], values[301] = 0.99, 0.1
    steps = [
        {"step": n, "time": 1e9 + 2 * n, "metrics": {"critic/score_diff": value}}
        for n, value in values.items()
    ]
    await push(client, run, steps)
    state = client.app.state  # type: ignore[attr-defined]
    async with state.keeper.hold(run) as hold:
        await sealing.seal(hold)
    await push(client, run, [{"step": 200, "metrics": {"critic/score_diff": 5.5}}])
    reply = await client.get(f"/api/v1/runs/{run}/series?metric=score_diff&points=20&axis=relative")
    series = reply.json()["items"][0]
    assert series["total"] == 400
    assert len(series["steps"]) < 40
    found = dict(zip(series["steps"], series["values"], strict=True))
    values[200] = 5.5
    assert {1, 123, 200, 301, 400} <= found.keys()
    assert all(values[step] == value for step, value in found.items())
    times = dict(zip(series["steps"], series["times"], strict=True))
    assert times[1] == pytest.approx(0)
    assert times[400] == pytest.approx(798)
    again = await client.get(f"/api/v1/runs/{run}/series?metric=score_diff&points=20")
    assert again.json()["items"][0]["steps"] == series["steps"]


@pytest.mark.anyio
async def test_the_steps_of_findings_are_always_among_the_points(
    client: httpx2.AsyncClient, small_blocks: None
) -> None:
    run = await new_run(client)
    steps = healthy_steps(1, 400)
    steps[202]["metrics"]["critic/grad_norm"] = 39.18
    steps[203]["metrics"]["critic/grad_norm"] = 80.0
    await push(client, run, steps)
    state = client.app.state  # type: ignore[attr-defined]
    async with state.keeper.hold(run) as hold:
        await sealing.seal(hold)
    findings = (await client.get(f"/api/v1/runs/{run}/findings")).json()["items"]
    places = {one["first_step"] for one in findings if one["metric"] == "critic/grad_norm"}
    assert places
    reply = await client.get(f"/api/v1/runs/{run}/series?metric=critic/grad_norm&points=4")
    assert places <= set(reply.json()["items"][0]["steps"])


@pytest.mark.anyio
async def test_several_runs_come_in_one_call(client: httpx2.AsyncClient) -> None:
    for run in ("a", "b"):
        await new_run(client, run)
        await push(client, run, healthy_steps(1, 3))
    reply = await client.get("/api/v1/series?run=a&run=b&metric=critic/d_acc")
    assert [one["run"] for one in reply.json()["items"]] == ["a", "b"]


@pytest.mark.anyio
async def test_an_answer_of_too_many_points_is_refused_and_names_the_limit(
    client: httpx2.AsyncClient,
) -> None:
    names = [await new_run(client, f"run-{number}") for number in range(21)]
    many = {"run": names, "metric": [f"metric {n}" for n in range(100)], "points": 1000}
    answer = await client.get("/api/v1/series", params=many)
    assert answer.status_code == 422
    assert "21 runs × 100 metrics × 1000 points" in answer.json()["detail"]
    fewer = await client.get("/api/v1/series", params=many | {"points": 900})
    assert fewer.status_code == 200


@pytest.mark.anyio
async def test_a_run_asked_for_twice_comes_once(client: httpx2.AsyncClient) -> None:
    run = await new_run(client)
    answer = await client.get(
        "/api/v1/series", params={"run": [run, run], "metric": "critic/d_acc"}
    )
    assert len(answer.json()["items"]) == 1
