import httpx2
import pytest

pytestmark = pytest.mark.anyio

Client = httpx2.AsyncClient


async def test_every_call_is_on_the_page_with_its_scope(client: Client) -> None:
    document = (await client.get("/openapi.json")).json()
    page = (await client.get("/docs")).text
    for path in document["paths"]:
        assert f"<code>{path}</code>" in page
    assert "Scope: admin" in page
    assert "<script" not in page


async def test_the_reference_is_for_holders_of_a_token_only(client: Client) -> None:
    client.headers.pop("Authorization")
    assert (await client.get("/openapi.json")).status_code == 401
    assert (await client.get("/docs")).status_code == 401
    assert (await client.get("/redoc")).status_code == 401


async def test_every_call_and_parameter_is_described(client: Client) -> None:
    document = (await client.get("/openapi.json")).json()
    for path, methods in document["paths"].items():
        for method, call in methods.items():
            assert call.get("description"), f"{method} {path} has no docstring"
