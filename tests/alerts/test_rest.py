"""Endpoints, silences and the delivery log over REST."""

from ipaddress import ip_network

import httpx2
import pytest
from standardwebhooks import Webhook

from gadwatch_service.settings import Settings
from tests.alerts.receivers import Receiver

pytestmark = pytest.mark.anyio


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"alert_allow_private": (ip_network("127.0.0.0/8"),)})


async def test_a_new_endpoint_shows_its_secret_once(
    client: httpx2.AsyncClient, receiver: Receiver
) -> None:
    wish = {"kind": "webhook", "name": "on call", "url": receiver.url}
    created = await client.post("/api/v1/endpoints", json=wish)
    assert created.status_code == 201, created.text
    secret = created.json()["secret"]
    endpoint_id = created.json()["endpoint_id"]
    for reply in (
        await client.get(f"/api/v1/endpoints/{endpoint_id}"),
        await client.get("/api/v1/endpoints"),
    ):
        assert secret not in reply.text
        assert "secret-part-of-url" not in reply.text
    sent = await client.post(f"/api/v1/endpoints/{endpoint_id}/test")
    assert sent.json()["ok"], sent.text
    [request] = receiver.requests
    Webhook(secret).verify(request.body, request.headers)
