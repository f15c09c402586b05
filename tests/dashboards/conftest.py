import pytest

from gadwatch_dashboards import install
from tests.dashboards.visiting import Client


@pytest.fixture
async def pages(client: Client) -> Client:
    install(client.app)  # type: ignore[attr-defined]
    client.headers["Accept"] = "text/html"
    return client
