import ipaddress
from collections.abc import AsyncIterator, Iterator

import pytest

from gadwatch_service.alerts.adapters.registry import Adapters
from gadwatch_service.alerts.transport import Transport
from gadwatch_service.store.database import Database
from tests.alerts.office import Office
from tests.alerts.receivers import Receiver, receiving

LOOPBACK = (ipaddress.ip_network("127.0.0.0/8"),)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as one:
        yield one


@pytest.fixture
async def transport() -> AsyncIterator[Transport]:
    async with Transport(LOOPBACK) as one:
        yield one


@pytest.fixture
def adapters(transport: Transport) -> Adapters:
    return Adapters(transport, None, "gadwatch@example.org")


@pytest.fixture
async def office(database: Database, adapters: Adapters) -> AsyncIterator[Office]:
    """Everything between a change and its receivers, on a frozen clock."""
    async with Office.open(database, adapters) as one:
        yield one
