import asyncio

import httpx2
import pytest
from sqlalchemy.ext.asyncio import AsyncSession

from gadwatch_service.operation import repository
from gadwatch_service.store.database import Database

pytestmark = pytest.mark.anyio

Client = httpx2.AsyncClient


async def test_liveness_asks_nothing_of_the_database(client: Client) -> None:
    await client.app.state.database.close()  # type: ignore[attr-defined]
    client.app.state.database = None  # type: ignore[attr-defined]
    client.headers.pop("Authorization")
    assert (await client.get("/healthz")).json() == {"status": "alive"}


async def test_a_started_service_is_ready(client: Client) -> None:
    answer = await client.get("/readyz")
    assert answer.status_code == 200, answer.text
    assert set(answer.json()["checks"]) == {"database", "migrations", "workers", "deliveries"}


async def test_many_who_ask_at_once_cost_the_database_one_answer(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = 0

    async def counted(session: AsyncSession) -> str | None:
        nonlocal asked
        asked += 1
        return await schema_revision(session)

    schema_revision = repository.schema_revision
    monkeypatch.setattr(repository, "schema_revision", counted)
    answers = await asyncio.gather(*(client.get("/readyz") for _ in range(50)))
    assert {answer.status_code for answer in answers} == {200}
    assert asked == 1


async def test_a_dead_database_is_not_ready_and_says_no_address(client: Client) -> None:
    app = client.app  # type: ignore[attr-defined]
    live = app.state.database
    app.state.database = Database("postgresql+psycopg://u:hunter2@127.0.0.1:1/x")
    answer = await client.get("/readyz")
    await app.state.database.close()
    app.state.database = live
    assert answer.status_code == 503
    assert not answer.json()["checks"]["database"]["ok"]
    assert "hunter2" not in answer.text


async def test_an_old_schema_is_not_ready(client: Client) -> None:
    async with client.app.state.database.session() as session:  # type: ignore[attr-defined]
        connection = await session.connection()
        await connection.exec_driver_sql("UPDATE alembic_version SET version_num = '0000'")
    answer = await client.get("/readyz")
    assert answer.status_code == 503
    assert not answer.json()["checks"]["migrations"]["ok"]


async def test_a_silent_worker_is_not_ready(client: Client) -> None:
    moment = 0.0
    heartbeats = client.app.state.heartbeats  # type: ignore[attr-defined]
    heartbeats._monotonic = lambda: moment
    heartbeats.register("deliveries", within=10)
    moment = 100
    answer = await client.get("/readyz")
    assert answer.status_code == 503
    assert "deliveries" in answer.json()["checks"]["workers"]["detail"]


async def test_prometheus_gets_every_family(client: Client) -> None:
    text = (await client.get("/metrics")).text
    for family in ("http_requests", "ingest_steps", "finding_changes", "deliveries_waiting",
                   "store_bytes", "authentication_failures", "worker_passes"):  # fmt: skip
        assert f"gadwatch_{family}" in text
    again = (await client.get("/metrics")).text
    assert 'route="/metrics"' in again


async def test_unknown_paths_make_no_new_series(client: Client) -> None:
    for number in range(20):
        await client.get(f"/nowhere/{number}")
    assert "/nowhere" not in (await client.get("/metrics")).text
