"""From a change through the outbox to a real receiver."""

import pytest

from tests.alerts.office import Office, finding
from tests.alerts.receivers import Receiver

pytestmark = pytest.mark.anyio


async def test_a_finding_reaches_a_webhook_once(office: Office, receiver: Receiver) -> None:
    await office.endpoint(receiver.url)
    await office.change(finding())
    await office.deliver()
    await office.deliver()
    [request] = receiver.requests
    assert request.json["type"] == "finding.firing"
    [delivery] = await office.rows("SELECT * FROM deliveries")
    assert delivery["state"] == "delivered"
    assert request.headers["webhook-id"] == delivery["delivery_id"]


async def test_nothing_is_written_without_a_change_worth_telling(office: Office) -> None:
    await office.change(finding(state="pending"))
    await office.change(finding(state="resolved", fired=False))
    assert await office.rows("SELECT 1 FROM deliveries UNION ALL SELECT 1 FROM notices") == []
