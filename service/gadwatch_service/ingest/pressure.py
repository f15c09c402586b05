from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from gadwatch_service.errors import TooManyRequests, Unavailable

MOST_PUSHES: Final = 256
"""Pushes that one process works on or keeps waiting."""

MOST_PER_RUN: Final = 32
"""Pushes to one run, which take their turns."""

MOST_BYTES: Final = 256 * 2**20
"""Decompressed bodies that are held in memory at once; a single one always passes."""


class Pressure:
    """Sends pushes away before they pile up: a hook that waits a second loses nothing."""

    def __init__(self) -> None:
        self._pushes = 0
        self._bytes = 0
        self._runs: Counter[str] = Counter()

    @contextmanager
    def admit(self, run_id: str) -> Iterator[None]:
        """A place among the pushes, taken before the body is read.

        Raises Unavailable when the process has enough to do, TooManyRequests when the run has.
        """
        if self._pushes >= MOST_PUSHES:
            raise Unavailable(
                f"The service works on {MOST_PUSHES} pushes already: try again in a moment.",
                headers={"Retry-After": "1"},
            )
        if self._runs[run_id] >= MOST_PER_RUN:
            raise TooManyRequests(
                f"{MOST_PER_RUN} pushes to this run are waiting for their turn: send more steps "
                "in one request, or wait for the replies.",
                headers={"Retry-After": "1"},
            )
        self._pushes += 1
        self._runs[run_id] += 1
        try:
            yield
        finally:
            self._pushes -= 1
            self._runs[run_id] -= 1
            if not self._runs[run_id]:
                del self._runs[run_id]

    @contextmanager
    def carry(self, size: int) -> Iterator[None]:
        """Room for a body of so many bytes. Raises Unavailable when there is none."""
        if self._bytes and self._bytes + size > MOST_BYTES:
            raise Unavailable(
                "The service holds enough request bodies in memory: try again in a moment.",
                headers={"Retry-After": "1"},
            )
        self._bytes += size
        try:
            yield
        finally:
            self._bytes -= size
