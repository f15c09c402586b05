import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass

from gadwatch_service.heartbeat import Heartbeats

log = logging.getLogger("gadwatch.workers")

PATIENCE_SECONDS = 60.0
"""Without a round for so long a worker counts as hanging."""


@dataclass(frozen=True, slots=True)
class Worker:
    """Something done again and again beside the requests.

    ``work`` does one round and says whether there is more to do at once.
    """

    name: str
    work: Callable[[], Awaitable[bool]]
    every: float


class Workers:
    """Runs every worker as a task of its own until they are stopped."""

    def __init__(self, heartbeats: Heartbeats) -> None:
        self._heartbeats = heartbeats
        self._tasks: list[asyncio.Task[None]] = []

    def start(self, worker: Worker) -> None:
        """Begin the rounds of ``worker``."""
        self._heartbeats.register(worker.name, worker.every + PATIENCE_SECONDS)
        self._tasks.append(asyncio.create_task(self._rounds(worker), name=worker.name))

    async def stop(self) -> None:
        """Cancel them all and wait until each has let go of what it held."""
        for task in self._tasks:
            task.cancel()
        for task in self._tasks:
            with suppress(asyncio.CancelledError):
                await task
        self._tasks.clear()

    async def _rounds(self, worker: Worker) -> None:
        while True:
            more = False
            try:
                with self._heartbeats.round(worker.name):
                    more = await worker.work()
            except Exception:
                # The round is counted as failed; the next one tries again.
                log.exception("a round of %s failed", worker.name)
            await asyncio.sleep(0 if more else worker.every)
