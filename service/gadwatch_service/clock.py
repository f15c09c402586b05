from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], datetime]
"""Gives the present moment, time-zone aware; tests pass a frozen one."""


def utc_now() -> datetime:
    """The real clock."""
    return datetime.now(UTC)
