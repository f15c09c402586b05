"""Work that several readers ask for at the same moment, done once."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

KEPT_SECONDS: Final = 1.0
"""A page is meant for eyes: what was made a second ago is new."""


T = TypeVar("T")


@dataclass(slots=True)
class _Entry:
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    made_at: float | None = None
    value: Any = None


class Shared:
    """Answers by key, each made by the first who asks and handed to who asks a second later."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._entries: dict[Hashable, _Entry] = {}

    async def get(self, key: Hashable, make: Callable[[], Awaitable[T]]) -> T:
        """What ``make`` gives, or gave to somebody else within :data:`KEPT_SECONDS`.

        Who asks while it is being made waits for it. A failure is handed to nobody else: the next
        who waits tries anew.
        """
        self._forget_old()
        entry = self._entries.setdefault(key, _Entry())
        async with entry.lock:
            if entry.made_at is None:
                value: T = await make()
                entry.value = value
                entry.made_at = self._monotonic()
            else:
                value = entry.value
        return value

    def _forget_old(self) -> None:
        """Drop what is no longer new; entries being made stay where others can find them."""
        until = self._monotonic() - KEPT_SECONDS
        self._entries = {
            key: entry
            for key, entry in self._entries.items()
            if entry.lock.locked() or (entry.made_at is not None and entry.made_at > until)
        }
