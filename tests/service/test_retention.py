from datetime import timedelta
from typing import Any

import httpx2
import pytest
from sqlalchemy import text
from tests.service.pushing import healthy_steps, new_run, push

from gadwatch_service.upkeep import sealing
from gadwatch_service.upkeep.replay import Replayer
from gadwatch_service.upkeep.retention import keep_only

pytestmark = pytest.mark.anyio


@pytest.fixture
async def state(client: httpx2.AsyncClient) -> Any:
    return client.app.state  # type: ignore[attr-defined]


async def sealed_run(client: httpx2.AsyncClient, state: Any, steps: int) -> str:
    """An ended run in blocks; its steps are those of an hour ago."""
    run = await new_run(client)
    now = state.now().timestamp()
    rows = healthy_steps(1, steps)
    for row in rows:
        row["time"] = now - 3600 + row["step"]
    await push(client, run, rows)
    await client.post(f"/api/v1/runs/{run}/finish")
    await sealing.seal_due(state.database, state.keeper)
    return run


async def first_steps(state: Any) -> list[int]:
    async with state.database.session() as session:
        rows = await session.execute(
            text("SELECT first_step FROM blocks WHERE metric = -1 ORDER BY first_step")
        )
        return [row[0] for row in rows]


async def test_old_blocks_are_removed(client: httpx2.AsyncClient, state: Any) -> None:
    await sealed_run(client, state, 600)
    await client.patch("/api/v1/projects/gad", json={"retention": {"max_age_days": 2}})
    await keep_only(state.database, state.keeper, state.space, state.now() + timedelta(days=1))
    assert await first_steps(state) == [1, 257]
    await keep_only(state.database, state.keeper, state.space, state.now() + timedelta(days=3))
    assert await first_steps(state) == []
    assert state.space.wanted
    await state.space.free(state.database)


async def test_thinning_keeps_every_nth_block_and_is_done_once(
    client: httpx2.AsyncClient, state: Any
) -> None:
    await sealed_run(client, state, 256 * 6)
    await client.patch("/api/v1/projects/gad", json={"retention": {"keep_every": 3}})
    later = state.now() + timedelta(days=31)
    for _ in range(2):
        await keep_only(state.database, state.keeper, state.space, later)
        assert await first_steps(state) == [1, 769]


async def test_the_space_of_a_deleted_run_is_used_again(
    client: httpx2.AsyncClient, state: Any
) -> None:
    async def size() -> int:
        async with state.database.session() as session:
            statement = text("SELECT pg_total_relation_size('blocks')")
            return int((await session.execute(statement)).scalar_one())

    empty = await size()
    for _ in range(3):
        run = await sealed_run(client, state, 1024)
        full = await size()
        await client.delete(f"/api/v1/runs/{run}")
        await state.space.free(state.database)
        assert await size() - empty < (full - empty) / 2


async def test_thresholds_of_a_project_judge_its_runs_anew(
    client: httpx2.AsyncClient, state: Any
) -> None:
    run = await new_run(client)
    await push(client, run, healthy_steps(1, 60))
    wish = {"overrides": {"grad_norm_ceiling": {"ok_high": 0.1, "spike": 0.2}}}
    reply = await client.patch("/api/v1/projects/gad", json=wish)
    assert reply.json()["overrides"] == wish["overrides"]
    await Replayer(state.database, state.keeper).work()
    assert (await client.get(f"/api/v1/runs/{run}")).json()["health"] == "critical"
    answer = await push(client, run, healthy_steps(61, 61))
    assert answer["health"] == "critical"
    listed = (await client.get("/api/v1/projects")).json()["items"]
    assert [one["name"] for one in listed] == ["gad"]
    assert (await client.patch("/api/v1/projects/none", json=wish)).status_code == 404
