"""The schema can be spread over a cluster by run: keys, constraints and statements name it."""

import re
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import httpx2
import psycopg
import pytest
from tests.alerts.receivers import Answer, Receiver, receiving
from tests.service.pushing import healthy_steps, new_run, push, step

from gadwatch_service.settings import Settings
from gadwatch_service.store.embedded import EmbeddedPostgres
from gadwatch_service.store.tables import Base
from gadwatch_service.upkeep import sealing
from gadwatch_service.upkeep.replay import Replayer
from gadwatch_service.upkeep.retention import keep_only

SHARED = {"projects", "experiments", "endpoints", "silences", "tokens", "sessions", "beats"}
"""Small tables that every node has a copy of."""

DISTRIBUTED = set(Base.metadata.tables) - SHARED


def test_every_key_and_unique_constraint_of_a_distributed_table_has_the_run(
    database_url: str,
) -> None:
    with psycopg.connect(database_url.replace("+psycopg", "")) as connection:
        rows = connection.execute(
            "SELECT tablename, indexdef FROM pg_indexes WHERE schemaname = 'public' AND "
            "indexdef LIKE 'CREATE UNIQUE INDEX%'"
        ).fetchall()
        keys = connection.execute(
            "SELECT conrelid::regclass::text FROM pg_constraint WHERE contype = 'f'"
        ).fetchall()
    assert {row[0] for row in rows} >= DISTRIBUTED
    for table, definition in rows:
        if table in DISTRIBUTED:
            assert re.search(r"\(run_id\b", definition), definition
    assert keys == []


def test_the_script_for_citus_knows_every_table() -> None:
    script = (Path(__file__).parents[2] / "docs" / "citus.sql").read_text()
    assert set(re.findall(r"create_reference_table\('(\w+)'", script)) == SHARED
    assert set(re.findall(r"create_distributed_table\('(\w+)'", script)) == DISTRIBUTED


_CHANGES = re.compile(r"\b(UPDATE|INSERT INTO|DELETE FROM|COPY)\s+(\w+)", re.IGNORECASE)
_LOCKS = re.compile(r"\bFOR (?:NO KEY )?(?:UPDATE|SHARE)\b", re.IGNORECASE)


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"alert_allow_private": (ip_network("127.0.0.0/8"),)})


@pytest.mark.anyio
async def test_every_statement_that_locks_or_writes_names_the_run(
    client: httpx2.AsyncClient, embedded: EmbeddedPostgres, database_url: str
) -> None:
    state = client.app.state  # type: ignore[attr-defined]
    log = embedded.folder / "server.log"
    begun = log.stat().st_size
    name = database_url.partition("?")[0].rpartition("/")[2]
    with psycopg.connect(embedded.url("postgres").replace("+psycopg", "")) as admin:
        admin.autocommit = True
        admin.execute(f"ALTER DATABASE {name} SET log_statement = 'all'")  # type: ignore[arg-type]
    await state.database.engine.dispose()
    await state.database.drivers.close()
    await live(client, state)
    with receiving() as receiver:
        await alarm(client, state, receiver)
    logged = log.read_bytes()[begun:].decode(errors="replace")
    changed = set()
    for entry in re.split(r"\n(?=\d{4}-\d\d-\d\d )", logged):
        match = re.search(r"LOG: +(?:statement|execute [^:]*): (.*)", entry, re.DOTALL)
        statement = match.group(1) if match else ""
        changes = {(verb.upper(), table) for verb, table in _CHANGES.findall(statement)}
        changes = {one for one in changes if one[1] in DISTRIBUTED}
        locks = _LOCKS.search(statement) and any(table in statement for table in DISTRIBUTED)
        changed |= {table for _, table in changes}
        assert not (changes or locks) or "run_id" in statement, statement
    assert changed == DISTRIBUTED


async def alarm(client: httpx2.AsyncClient, state: Any, receiver: Receiver) -> None:
    """The life of an alert and of its endpoint."""
    wish = {"kind": "webhook", "name": "on call", "url": receiver.url}
    endpoint_id = (await client.post("/api/v1/endpoints", json=wish)).json()["endpoint_id"]
    run = await new_run(client, "loud")
    receiver.answer = lambda _: Answer(status=503)
    await push(client, run, [*healthy_steps(1, 20), step(21, critic__grad_norm="NaN"), step(22)])
    await state.alerts.deliver_now()
    receiver.answer = lambda _: Answer()
    await client.post(f"/api/v1/endpoints/{endpoint_id}/test")
    await state.alerts.deliver_now()
    assert receiver.requests
    found = f"/api/v1/runs/{run}/findings/acknowledge"
    silence = (await client.post("/api/v1/silences", json={"run_id": run, "hours": 1})).json()
    await client.delete(f"/api/v1/silences/{silence['silence_id']}")
    await client.post(found, json={})
    await client.request("DELETE", found)
    for worker in state.alerts.workers():
        if worker.name != "deliveries":
            await worker.work()
    await client.patch(f"/api/v1/endpoints/{endpoint_id}", json={"enabled": False})
    await client.delete(f"/api/v1/endpoints/{endpoint_id}")


async def live(client: httpx2.AsyncClient, state: Any) -> None:
    """The life of a run, from its beginning to its end."""
    run = await new_run(client)
    await push(client, run, healthy_steps(1, 300))
    await push(client, run, [step(301)])
    await push(client, run, [step(302)])
    await push(client, run, [step(5, critic__d_acc="NaN")])
    await Replayer(state.database, state.keeper).work()
    await sealing.seal_due(state.database, state.keeper)
    await push(client, run, healthy_steps(100, 110, seed=3), session="again")
    await client.patch(f"/api/v1/runs/{run}", json={"name": "x", "config": {"a": 1}})
    await client.patch("/api/v1/projects/gad", json={"retention": {"max_age_days": 1}})
    await keep_only(state.database, state.keeper, state.space, state.now())
    await client.post(f"/api/v1/runs/{run}/stage", json={"stage": "stage2"})
    await client.post(f"/api/v1/runs/{run}/finish")
    await sealing.seal_due(state.database, state.keeper)
    assert (await client.delete(f"/api/v1/runs/{run}")).status_code == 204
