import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass

from gadwatch_service.heartbeat import Heartbeats

log = logging.getLogger("gadwatch.workers")

PATIENCE_SECONDS = 60.0
"""Without a round for so long a worker counts as hanging."""

GRACE_SECONDS = 2.0
"""How long a round may go on once its worker is to stop; then it is cancelled."""


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
        self._stopping = asyncio.Event()

    def start(self, worker: Worker) -> None:
        """Begin the rounds of ``worker``."""
        self._heartbeats.register(worker.name, worker.every + PATIENCE_SECONDS)
        self._tasks.append(asyncio.create_task(self._rounds(worker), name=worker.name))

    async def stop(self) -> None:
        """Let each end its round, cancel the slow ones, and wait until all have let go."""
        self._stopping.set()
        if not self._tasks:
            return
        _, slow = await asyncio.wait(self._tasks, timeout=GRACE_SECONDS)
        for task in slow:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()

    async def _rounds(self, worker: Worker) -> None:
        failed: type[Exception] | None = None
        # Asked at every round: a cancellation amid a statement may come out as its error.
        while not self._stopping.is_set():
            more = False
            try:
                with self._heartbeats.round(worker.name):
                    more = await worker.work()
                failed = None
            except Exception as error:
                # The round is counted as failed; the next one tries again.
                if type(error) is failed:
                    log.warning("a round of %s failed again: %s", worker.name, error)
                else:
                    log.exception("a round of %s failed", worker.name)
                failed = type(error)
            if more:
                await asyncio.sleep(0)
            else:
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._stopping.wait(), worker.every)
