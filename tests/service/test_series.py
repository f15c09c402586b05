import httpx2
import numpy as np
import pytest
from tests.service.pushing import healthy_steps, new_run, push, step

from gadwatch_service.series.downsample import Atoms, thin


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
