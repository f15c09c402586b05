from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import psycopg
import pytest

from gadwatch_service.store.database import Database

pytestmark = pytest.mark.anyio

Client = httpx2.AsyncClient


def _as(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


async def _create(client: Client, *scopes: str, **wish: Any) -> dict[str, Any]:
    answer = await client.post("/api/v1/tokens", json={"name": "x", "scopes": scopes, **wish})
    assert answer.status_code == 201, answer.text
    created: dict[str, Any] = answer.json()
    return created


async def test_a_token_is_shown_once_and_stored_as_its_hash(
    client: Client, database: Database
) -> None:
    created = await _create(client, "ingest")
    assert created["token"].startswith("gw_")
    listed = (await client.get("/api/v1/tokens")).json()["items"]
    assert created["token_id"] in {item["token_id"] for item in listed}
    assert all("token" not in item and "hash" not in item for item in listed)
    address = database.url.replace("+psycopg", "")
    async with await psycopg.AsyncConnection.connect(address) as connection:
        rows = await (await connection.execute("SELECT t::text FROM tokens t")).fetchall()
    assert created["token"] not in str(rows)


async def test_a_token_may_do_what_its_scopes_say_and_no_more(client: Client) -> None:
    created = await _create(client, "read")
    me = await client.get("/api/v1/me", headers=_as(created["token"]))
    assert me.json()["scopes"] == ["read"]
    refused = await client.get("/api/v1/tokens", headers=_as(created["token"]))
    assert refused.status_code == 403
    assert "admin" in refused.json()["detail"]


async def test_nobody_without_a_token(client: Client) -> None:
    client.headers.pop("Authorization")
    answer = await client.get("/api/v1/me")
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Bearer")
    assert answer.headers["content-type"] == "application/problem+json"


async def test_a_wrong_token_is_refused_and_not_echoed(client: Client) -> None:
    answer = await client.get("/api/v1/me", headers=_as("gw_this-is-not-a-token"))
    assert answer.status_code == 401
    assert "this-is-not" not in answer.text


async def test_the_basic_password_works_as_clients_of_mlflow_send_it(client: Client) -> None:
    created = await _create(client, "ingest")
    auth = httpx2.BasicAuth("whoever", created["token"])
    client.headers.pop("Authorization")
    assert (await client.get("/api/v1/me", auth=auth)).status_code == 200


async def test_a_revoked_token_ends_at_once(client: Client) -> None:
    created = await _create(client, "read")
    headers = _as(created["token"])
    assert (await client.get("/api/v1/me", headers=headers)).status_code == 200
    assert (await client.delete(f"/api/v1/tokens/{created['token_id']}")).status_code == 204
    assert (await client.get("/api/v1/me", headers=headers)).status_code == 401
    assert (await client.delete(f"/api/v1/tokens/{created['token_id']}")).status_code == 404


async def test_an_expired_token_is_refused_even_when_it_was_cached(client: Client) -> None:
    soon = datetime.now(UTC) + timedelta(seconds=60)
    created = await _create(client, "read", expires_at=soon.isoformat())
    headers = _as(created["token"])
    assert (await client.get("/api/v1/me", headers=headers)).status_code == 200
    authenticator = client.app.state.authenticator  # type: ignore[attr-defined]
    authenticator._now = lambda: soon + timedelta(seconds=1)
    assert (await client.get("/api/v1/me", headers=headers)).status_code == 401


async def test_a_past_expiry_is_refused(client: Client) -> None:
    wish = {"name": "x", "scopes": ["read"], "expires_at": "2020-01-01T00:00:00Z"}
    assert (await client.post("/api/v1/tokens", json=wish)).status_code == 422


async def test_rotation_keeps_the_rights_and_both_tokens_for_the_overlap(client: Client) -> None:
    old = await _create(client, "ingest", projects=["gad-7b"])
    path = f"/api/v1/tokens/{old['token_id']}/rotate"
    new = (await client.post(path, json={"overlap_hours": 1})).json()
    assert (new["scopes"], new["projects"]) == (["ingest"], ["gad-7b"])
    for token in (old["token"], new["token"]):
        assert (await client.get("/api/v1/me", headers=_as(token))).status_code == 200
    authenticator = client.app.state.authenticator  # type: ignore[attr-defined]
    authenticator._now = lambda: datetime.now(UTC) + timedelta(hours=2)
    assert (await client.get("/api/v1/me", headers=_as(old["token"]))).status_code == 401
    assert (await client.get("/api/v1/me", headers=_as(new["token"]))).status_code == 200


async def test_rotation_without_overlap_ends_the_old_token_at_once(client: Client) -> None:
    old = await _create(client, "ingest")
    await client.get("/api/v1/me", headers=_as(old["token"]))
    path = f"/api/v1/tokens/{old['token_id']}/rotate"
    assert (await client.post(path, json={"overlap_hours": 0})).status_code == 201
    assert (await client.get("/api/v1/me", headers=_as(old["token"]))).status_code == 401


async def test_a_second_rotation_does_not_give_the_old_token_more_time(client: Client) -> None:
    old = await _create(client, "ingest")
    path = f"/api/v1/tokens/{old['token_id']}/rotate"
    for hours in (1, 720):
        assert (await client.post(path, json={"overlap_hours": hours})).status_code == 201
    listed = (await client.get("/api/v1/tokens")).json()["items"]
    [end] = [one["revoked_at"] for one in listed if one["token_id"] == old["token_id"]]
    assert datetime.fromisoformat(end) < datetime.now(UTC) + timedelta(hours=2)


async def test_an_expired_token_is_said_to_be_expired_when_it_is_rotated(client: Client) -> None:
    soon = datetime.now(UTC) + timedelta(minutes=1)
    old = await _create(client, "ingest", expires_at=soon.isoformat())
    client.app.state.now = lambda: soon  # type: ignore[attr-defined]
    answer = await client.post(f"/api/v1/tokens/{old['token_id']}/rotate", json={})
    assert answer.status_code == 404
    assert "has expired" in answer.json()["detail"]


async def test_the_last_admin_cannot_lock_everybody_out(client: Client) -> None:
    me = (await client.get("/api/v1/me")).json()
    answer = await client.delete(f"/api/v1/tokens/{me['token_id']}")
    assert answer.status_code == 409
    assert (await client.get("/api/v1/me")).status_code == 200


async def test_an_admin_of_some_projects_cannot_make_tokens_for_all(client: Client) -> None:
    limited = await _create(client, "admin", projects=["gad-7b"])
    wish = {"name": "y", "scopes": ["admin"]}
    answer = await client.post("/api/v1/tokens", json=wish, headers=_as(limited["token"]))
    assert answer.status_code == 403
    assert "limited to projects" in answer.json()["detail"]


async def test_an_admin_of_some_projects_is_nobody_who_could_make_tokens(client: Client) -> None:
    await _create(client, "admin", projects=["gad-7b"])
    me = (await client.get("/api/v1/me")).json()
    assert (await client.delete(f"/api/v1/tokens/{me['token_id']}")).status_code == 409


async def test_use_is_recorded_coarsely_and_cached_requests_cost_no_query(client: Client) -> None:
    created = await _create(client, "read")
    headers = _as(created["token"])
    await client.get("/api/v1/me", headers=headers)
    listed = (await client.get("/api/v1/tokens")).json()["items"]
    used = {item["token_id"]: item["last_used_at"] for item in listed}
    assert used[created["token_id"]] is not None
    authenticator = client.app.state.authenticator  # type: ignore[attr-defined]
    authenticator._open_session = None
    assert (await client.get("/api/v1/me", headers=headers)).status_code == 200


async def test_guessing_is_slowed_down_but_known_tokens_are_not(client: Client) -> None:
    assert (await client.get("/api/v1/me")).status_code == 200
    statuses = {
        (await client.get("/api/v1/me", headers=_as(f"gw_{number}"))).status_code
        for number in range(40)
    }
    assert statuses == {401, 429}
    blocked = await client.get("/api/v1/me", headers=_as("gw_x"))
    assert int(blocked.headers["retry-after"]) >= 1
    client.app.state.authenticator.forget()  # type: ignore[attr-defined]
    assert (await client.get("/api/v1/me")).status_code == 200


async def test_a_client_that_repeats_one_wrong_token_locks_nobody_out(client: Client) -> None:
    created = await _create(client, "read")
    wrong = [await client.get("/api/v1/me", headers=_as("gw_old")) for _ in range(40)]
    assert {answer.status_code for answer in wrong} == {401}
    unknown_yet = await client.get("/api/v1/me", headers=_as(created["token"]))
    assert unknown_yet.status_code == 200


async def test_a_wrong_token_is_looked_at_again_after_a_minute(client: Client) -> None:
    authenticator = client.app.state.authenticator  # type: ignore[attr-defined]
    moment = 0.0
    authenticator._monotonic = lambda: moment
    token = await _create(client, "read")
    clock = client.app.state.now  # type: ignore[attr-defined]
    await client.delete(f"/api/v1/tokens/{token['token_id']}")
    assert (await client.get("/api/v1/me", headers=_as(token["token"]))).status_code == 401
    # As a clock that was fast has it: not yet revoked after all.
    client.app.state.now = lambda: clock() - timedelta(hours=1)  # type: ignore[attr-defined]
    assert (await client.get("/api/v1/me", headers=_as(token["token"]))).status_code == 401
    moment = 61.0
    assert (await client.get("/api/v1/me", headers=_as(token["token"]))).status_code == 200


async def test_lists_come_in_pages(client: Client) -> None:
    for _ in range(4):
        await _create(client, "read")
    seen: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        page = (await client.get("/api/v1/tokens", params={"cursor": cursor, "limit": 2})).json()
        seen += [item["token_id"] for item in page["items"]]
        cursor = page["next_cursor"]
    assert len(seen) == len(set(seen)) == 5


@pytest.mark.parametrize(
    "wish",
    [
        {"name": "a\u0000b", "scopes": ["read"]},
        {"name": "", "scopes": ["read"]},
        {"name": "x" * 101, "scopes": ["read"]},
        {"name": "x", "scopes": []},
        {"name": "x", "scopes": ["root"]},
        {"name": "x", "scopes": ["read"], "projects": []},
        {"name": "x", "scopes": ["read"], "surprise": 1},
        {"name": "\ud800", "scopes": ["read"]},
    ],
)
async def test_a_wrong_wish_is_explained(client: Client, wish: dict[str, Any]) -> None:
    import json

    answer = await client.post(
        "/api/v1/tokens",
        content=json.dumps(wish).encode(),
        headers={"Content-Type": "application/json"},
    )
    assert answer.status_code == 422
    assert answer.json()["detail"]


@pytest.mark.parametrize(
    "end", ["9999-12-31T23:59:59-14:00", "9999-12-31T23:59:59Z", "9999-12-31T23:59:59+14:00"]
)
async def test_an_end_that_could_not_be_read_back_is_refused_and_the_list_stays_readable(
    client: Client, end: str
) -> None:
    wish = {"name": "x", "scopes": ["read"], "expires_at": end}
    assert (await client.post("/api/v1/tokens", json=wish)).status_code == 422
    assert (await client.get("/api/v1/tokens")).status_code == 200
