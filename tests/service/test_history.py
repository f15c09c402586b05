"""The stored steps: sealing, late and repeated values, replay."""

from math import inf, nan
from typing import Any

import httpx2
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from sqlalchemy import text
from tests.service.pushing import HEALTHY, healthy_steps, new_run, push

from gadwatch_rules import Engine, Step
from gadwatch_service.history import blocks as history_blocks
from gadwatch_service.history.reading import iterate_steps
from gadwatch_service.ingest.parse import Push, PushedStep
from gadwatch_service.judging.loading import load_run
from gadwatch_service.store.database import driver_connection
from gadwatch_service.upkeep import sealing
from gadwatch_service.upkeep.replay import Replayer

pytestmark = pytest.mark.anyio

SMALL = 8


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks of eight steps, so that little data makes many."""
    for module in (history_blocks, sealing):
        monkeypatch.setattr(module, "BLOCK_STEPS", SMALL)
    monkeypatch.setattr("gadwatch_service.ingest.service.SEAL_AT", SMALL)


@pytest.fixture
async def state(client: httpx2.AsyncClient) -> Any:
    return client.app.state  # type: ignore[attr-defined]


async def seal(state: Any, run: str) -> None:
    async with state.keeper.hold(run) as hold:
        await sealing.seal(hold)


async def stored(state: Any, run: str, attempt: int = 1) -> dict[int, dict[str, float]]:
    """What a run's steps hold, by step and metric."""
    async with state.database.session() as session:
        names = (
            await session.execute(
                text("SELECT metrics FROM runs WHERE run_id = :run"), {"run": run}
            )
        ).scalar_one()
        driver = await driver_connection(await session.connection())
        return {
            row.step: {
                name: value
                for name, value in zip(names, row.values, strict=False)
                if value is not None
            }
            async for portion in iterate_steps(driver, run, attempt)
            for row in portion
        }


async def viewed(state: Any, run: str) -> dict[int, dict[str, float]]:
    """The same through the view for other tools."""
    async with state.database.session() as session:
        rows = await session.execute(
            text("SELECT step, metric, value FROM metric_points WHERE run_id = :run"),
            {"run": run},
        )
        found: dict[int, dict[str, float]] = {}
        for step, metric, value in rows:
            assert metric not in found.setdefault(step, {}), "a value is shown twice"
            found[step][metric] = value
        return found


async def block_count(state: Any, run: str) -> int:
    async with state.database.session() as session:
        statement = text("SELECT count(*) FROM blocks WHERE run_id = :run AND metric = -1")
        return int((await session.execute(statement, {"run": run})).scalar_one())


async def test_sealing_moves_whole_blocks_and_keeps_every_value(
    client: httpx2.AsyncClient, state: Any, small_blocks: None
) -> None:
    run = await new_run(client)
    await push(client, run, healthy_steps(1, 20))
    before = await stored(state, run)
    await seal(state, run)
    assert await block_count(state, run) == 2
    assert await stored(state, run) == before
    assert await viewed(state, run) == before
    await seal(state, run)
    assert await block_count(state, run) == 2


async def test_an_ended_run_is_sealed_whole(
    client: httpx2.AsyncClient, state: Any, small_blocks: None
) -> None:
    run = await new_run(client)
    await push(client, run, healthy_steps(1, 11))
    before = await stored(state, run)
    await client.post(f"/api/v1/runs/{run}/finish")
    await sealing.seal_due(state.database, state.keeper)
    assert await stored(state, run) == before
    async with state.database.session() as session:
        left = (await session.execute(text("SELECT count(*) FROM tail"))).scalar_one()
    assert left == 0


async def test_a_late_step_joins_its_block_and_is_judged(
    client: httpx2.AsyncClient, state: Any, small_blocks: None
) -> None:
    run = await new_run(client)
    steps = healthy_steps(1, 60)
    await push(client, run, [one for one in steps if one["step"] != 30])
    await seal(state, run)
    reply = await push(client, run, [steps[29]])
    assert (reply["accepted"], reply["late"]) == (1, 1)
    await Replayer(state.database, state.keeper).work()
    await seal(state, run)
    whole = await new_run(client, "whole")
    await push(client, whole, steps)
    assert await stored(state, run) == await stored(state, whole)
    replies = [
        (await client.get(f"/api/v1/runs/{one}/assessment")).json() | {"run": ""}
        for one in (run, whole)
    ]
    assert replies[0] == replies[1]
    lists = [(await client.get(f"/api/v1/runs/{one}")).json() for one in (run, whole)]
    for field in ("steps", "sparkline", "latest", "verdict", "verdict_since", "last_step"):
        assert lists[0][field] == lists[1][field], field


async def test_a_repeated_step_with_another_value_wins_and_is_named(
    client: httpx2.AsyncClient, state: Any, small_blocks: None
) -> None:
    run = await new_run(client)
    await push(client, run, healthy_steps(1, 30))
    await seal(state, run)
    reply = await push(client, run, [{"step": 3, "metrics": {"critic/d_acc": "NaN"}}])
    assert reply["conflicts"] == [[3, "critic/d_acc"]]
    again = await push(client, run, [{"step": 3, "metrics": {"critic/d_acc": None}}])
    assert (again["accepted"], again["duplicate"]) == (0, 1)
    await Replayer(state.database, state.keeper).work()
    await seal(state, run)
    value = (await stored(state, run))[3]["critic/d_acc"]
    assert value != value  # noqa: PLR0124 - NaN
    findings = (await client.get(f"/api/v1/runs/{run}/findings")).json()["items"]
    assert ("finite", 3) in {(one["rule"], one["first_step"]) for one in findings}


values = st.sampled_from([0.5, 0.9, 1.5, -2.0, nan, inf, -inf])
metrics = st.dictionaries(
    st.sampled_from(["critic/score_diff", "critic/grad_norm", "other/a", "other/b"]),
    values,
    max_size=3,
)
batches = st.lists(
    st.one_of(
        st.lists(st.tuples(st.integers(0, 40), metrics), min_size=1, max_size=12),
        st.just("seal"),
    ),
    max_size=8,
)


@given(batches=batches)
@hypothesis_settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
async def test_any_order_of_steps_and_sealing_ends_as_one_replay(
    state: Any, client: httpx2.AsyncClient, small_blocks: None, batches: list[Any]
) -> None:
    run = (await client.post("/api/v1/runs", json={"stage": "warmup"})).json()["id"]
    model: dict[int, dict[str, float]] = {}
    for batch in batches:
        if batch == "seal":
            await seal(state, run)
            continue
        steps = [PushedStep(step, dict(HEALTHY) | some, 1e9 + step) for step, some in batch]
        await state.ingest.push(run, Push(steps=steps))
        for one in sorted(steps, key=lambda pushed: pushed.step):
            model.setdefault(one.step, {}).update(one.metrics)
    await Replayer(state.database, state.keeper).work()
    expected = {step: repr(sorted(model[step].items())) for step in sorted(model)}
    for reading in (await stored(state, run), await viewed(state, run)):
        found = {step: repr(sorted(reading[step].items())) for step in sorted(reading)}
        assert found == expected
    engine = Engine.for_run(stage="warmup")
    fresh = engine.new_state()
    engine.advance(fresh, [Step(step, model[step], 1e9 + step) for step in sorted(model)])
    async with state.database.connection() as connection:
        kept = await load_run(await driver_connection(connection), run)
    if model:
        found = kept.engine.assess(kept.state, run).as_dict()
        assert found == engine.assess(fresh, run).as_dict()
        assert kept.row.steps == len(model)
