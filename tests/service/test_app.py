import httpx2
import pytest

pytestmark = pytest.mark.anyio


async def test_owner_reaches_the_api_and_strangers_do_not(client: httpx2.AsyncClient) -> None:
    assert (await client.get("/api/v1/me")).status_code == 200
    reply = await client.get("/api/v1/me", headers={"Authorization": "Bearer wrong"})
    assert reply.status_code == 401
    assert reply.headers["content-type"] == "application/problem+json"


async def test_unknown_paths_are_problems(client: httpx2.AsyncClient) -> None:
    reply = await client.get("/api/v1/nothing")
    assert reply.status_code == 404
    assert reply.json()["title"] == "Not Found"
