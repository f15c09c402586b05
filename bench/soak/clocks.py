"""Clocks that the soak sets while others read them: a file that holds how far each is off."""

import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

JUMPS = (-3600.0, -60.0, 60.0, 3600.0)
"""Seconds: a daylight-saving mistake, and what a time server corrects."""

_true_time = time.time


class Clock:
    """A clock whose offset stands in a file."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def set(self, offset: float) -> None:
        """Let it be ``offset`` seconds off, for everybody who reads it."""
        fresh = self._file.with_suffix(".new")
        fresh.write_text(str(offset), encoding="ascii")
        fresh.replace(self._file)

    def time(self) -> float:
        """Seconds since 1970, as this clock has it."""
        with suppress(FileNotFoundError):
            return _true_time() + float(self._file.read_text("ascii"))
        return _true_time()

    def now(self) -> datetime:
        """The same as a date."""
        return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=self.time())
