"""An installation from the first schema comes up with the newest one and all that it had."""

from collections.abc import Iterator
from typing import Any

import httpx2
import psycopg
import pytest
from alembic import command
from alembic.config import Config
from tests.service.pushing import healthy_steps, new_run, push
from tests.serving import opened

from gadwatch_service.settings import Settings
from gadwatch_service.store import migrate
from gadwatch_service.store.embedded import EmbeddedPostgres
from gadwatch_service.upkeep import sealing

pytestmark = pytest.mark.anyio

FIRST = "0001"
RUNS = ("sealed", "young", "sick")


@pytest.fixture
def old_url(embedded: EmbeddedPostgres) -> Iterator[str]:
    """A database with the first schema."""
    address = embedded.url("postgres").replace("+psycopg", "")
    with psycopg.connect(address, autocommit=True) as connection:
        connection.execute("CREATE DATABASE test_old")
        url = embedded.url("test_old")
        config = Config()
        config.set_main_option("script_location", str(migrate._folder()))
        config.attributes["url"] = url
        command.upgrade(config, FIRST)
        yield url
        connection.execute("DROP DATABASE test_old WITH (FORCE)")


def copy_what_it_knew(source: str, target: str) -> dict[str, int]:
    """Fill the tables of an older schema from a newer one; the rows of each.

    So the data are what the service itself writes, in the columns that the old schema had.
    """
    copied = {}
    with (
        psycopg.connect(source.replace("+psycopg", "")) as new,
        psycopg.connect(target.replace("+psycopg", "")) as old,
    ):
        tables: dict[str, list[str]] = {}
        for table, column in old.execute(
            "SELECT table_name, column_name FROM information_schema.columns"
            " JOIN information_schema.tables USING (table_schema, table_name)"
            " WHERE table_schema = 'public' AND table_type = 'BASE TABLE'"
            " AND table_name <> 'alembic_version' AND is_generated = 'NEVER'"
        ):
            tables.setdefault(table, []).append(f'"{column}"')
        for table, columns in tables.items():
            names = ", ".join(columns)
            with (
                new.cursor().copy(f'COPY (SELECT {names} FROM "{table}") TO STDOUT') as rows,  # type: ignore[arg-type]
                old.cursor().copy(f'COPY "{table}" ({names}) FROM STDIN') as into,  # type: ignore[arg-type]
            ):
                for row in rows:
                    into.write(row)
            found = old.execute(f'SELECT count(*) FROM "{table}"').fetchone()  # type: ignore[arg-type]
            assert found is not None
            copied[table] = found[0]
    return copied


async def told(client: httpx2.AsyncClient) -> dict[str, Any]:
    """All that the service says of what it holds."""
    paths = ["/runs?sort=name", "/endpoints", "/tokens", "/silences", "/deliveries"]
    for run in RUNS:
        paths += [f"/runs/{run}", f"/runs/{run}/assessment", f"/runs/{run}/export?format=jsonl"]
    answers = {}
    for path in paths:
        answer = await client.get(f"/api/v1{path}")
        assert answer.status_code == 200, (path, answer.text)
        answers[path] = answer.text
    return answers


async def test_what_the_first_schema_held_is_there_after_the_upgrade(
    settings: Settings, old_url: str
) -> None:
    async with opened(settings) as client:
        wish = {"kind": "webhook", "name": "pager", "url": "https://example.org/hook"}
        (await client.post("/api/v1/endpoints", json=wish)).raise_for_status()
        for run in RUNS:
            await new_run(client, run)
        await push(client, "sealed", healthy_steps(1, 300), session="a")
        await push(client, "young", healthy_steps(1, 40), session="b", losses={"queue_full": 3})
        sick = healthy_steps(1, 60)
        for one in sick[20:]:
            one["metrics"]["critic/grad_norm"] = 900.0
        await push(client, "sick", sick)
        keeper = client.app.state.keeper  # type: ignore[attr-defined]
        async with keeper.hold("sealed") as hold:
            await sealing.seal(hold)
        wish = {"run_id": "sick", "ends_at": "2030-01-01T00:00:00Z", "comment": "known"}
        await client.post("/api/v1/silences", json=wish)
        before = await told(client)
    assert settings.database_url is not None
    copied = copy_what_it_knew(settings.database_url, old_url)
    for table in ("runs", "blocks", "tail", "run_states", "attempts", "deliveries", "tokens"):
        assert copied[table], f"no rows in {table}: {copied}"

    assert migrate.revision_of(old_url) == FIRST
    async with opened(settings.model_copy(update={"database_url": old_url})) as client:
        assert migrate.is_current(old_url)
        assert migrate.differences(old_url) == []
        after = await told(client)
        for path, answer in before.items():
            assert after[path] == answer, path
        reply = await push(client, "sealed", healthy_steps(301, 310), session="a")
        assert reply["accepted"] == 10
        detail = (await client.get("/api/v1/runs/sealed")).json()
        assert detail["steps"] == 310
