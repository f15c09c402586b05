import asyncio
from collections import defaultdict

from gadwatch_service.shared import Shared
from gadwatch_service.store.database import Database
from gadwatch_service.stream import repository


class Watcher:
    """Wakes whoever waits for a run to change.

    A change made by this process is told by :meth:`note`, one made by another is found by
    :meth:`poll`: one statement for all the runs that somebody waits for, none when nobody does.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._waiting: defaultdict[str, dict[asyncio.Event, int]] = defaultdict(dict)
        """Who waits for which run, and the version that each has seen."""
        self._versions: dict[str, int] = {}
        self.shared = Shared()
        """What was found for those who heard as far: many look at the same run."""
        self.closed = False

    async def wait(self, run_id: str, seen: int, within: float) -> bool:
        """Wait for a version greater than ``seen``; False when none came ``within`` seconds.

        Returns at once when the watcher has been closed: the service is about to end.
        """
        if self.closed or self._versions.get(run_id, -1) > seen:
            return not self.closed
        event = asyncio.Event()
        self._waiting[run_id][event] = seen
        try:
            async with asyncio.timeout(within):
                await event.wait()
        except TimeoutError:
            return False
        finally:
            del self._waiting[run_id][event]
            if not self._waiting[run_id]:
                del self._waiting[run_id]
                self._versions.pop(run_id, None)
        return not self.closed

    def note(self, run_id: str, version: int) -> None:
        """The run stands at ``version``: wake those who have not seen it."""
        if run_id not in self._waiting:
            return
        self._versions[run_id] = max(version, self._versions.get(run_id, -1))
        for event, seen in self._waiting[run_id].items():
            if version > seen:
                event.set()

    async def poll(self) -> bool:
        """One round of a worker: look at the versions of the runs that are waited for."""
        if self._waiting:
            async with self._database.session() as session:
                versions = await repository.versions(session, list(self._waiting))
            for run_id, version in versions.items():
                self.note(run_id, version)
        return False

    def close(self) -> None:
        """Let everybody go."""
        self.closed = True
        for events in self._waiting.values():
            for event in events:
                event.set()
