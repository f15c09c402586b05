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


async def test_a_defect_is_answered_without_its_text_and_ends_the_connection(
    client: httpx2.AsyncClient,
) -> None:
    def broken() -> None:
        raise RuntimeError("hunter2")

    app = client.app  # type: ignore[attr-defined]
    app.state.now = broken
    transport = httpx2.ASGITransport(app=app, raise_app_exceptions=False)
    async with httpx2.AsyncClient(transport=transport, base_url="http://127.0.0.1") as stranger:
        reply = await stranger.get("/api/v1/runs", headers=client.headers)
    assert reply.status_code == 500
    assert "hunter2" not in reply.text
    # The server closes it: a client that is told sends its next request on another one.
    assert reply.headers["connection"] == "close"
