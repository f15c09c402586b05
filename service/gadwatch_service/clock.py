from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], datetime]
"""Gives the present moment, time-zone aware; injected so that tests own the time."""


def now() -> datetime:
    """The wall clock, in UTC."""
    return datetime.now(UTC)
