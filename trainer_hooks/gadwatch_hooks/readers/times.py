from datetime import UTC, datetime
from typing import Any

from gadwatch_hooks.readers.numbers import json_number

_EARLIEST = 946_684_800.0  # the year 2000: smaller numbers count from the start of something
_LATEST = 4_102_444_800.0  # the year 2100; larger ones are milliseconds


def unix_seconds(shown: Any) -> float | None:
    """A log's time (unix seconds or milliseconds, ISO) as unix seconds, else None."""
    number = json_number(shown) if shown is not None else None
    if number is not None:
        if number > _LATEST:
            number /= 1000.0
        return number if _EARLIEST <= number <= _LATEST else None
    if not isinstance(shown, str):
        return None
    try:
        date = datetime.fromisoformat(shown)
    except ValueError:
        return None
    return (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp()
