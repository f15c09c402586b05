"""A delivery worker in a process of its own, which a test may kill.

``python -m tests.alerts.worker_process DATABASE_URL deliver`` sends what is due until it is
killed; ``… commit`` commits a finding of the run "warmup-7" and kills itself.
"""

import asyncio
import os
import signal
import sys
from ipaddress import ip_network

from gadwatch_service.alerts.adapters.registry import Adapters
from gadwatch_service.alerts.delivery.worker import DeliveryWorker
from gadwatch_service.alerts.transport import Transport
from gadwatch_service.clock import utc_now
from gadwatch_service.heartbeat import Heartbeats
from gadwatch_service.store.database import Database
from gadwatch_service.workers import Worker, Workers
from tests.alerts.office import Office, finding


async def main(url: str, task: str) -> None:
    database = Database(url)
    async with Transport((ip_network("127.0.0.0/8"),)) as transport:
        office = Office(database, Adapters(transport, None, "gadwatch@example.org"))
        office.time = utc_now()
        if task == "commit":
            await office.change(finding())
            os.kill(os.getpid(), signal.SIGKILL)
        async with DeliveryWorker(database, office.sender, utc_now, poll_s=0.05) as worker:
            Workers(Heartbeats()).start(Worker("deliveries", worker.round, every=0.0))
            await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
