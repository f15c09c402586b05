from email.utils import parsedate_to_datetime
from enum import StrEnum
from random import Random

LONGEST_WAIT = 30.0
"""Seconds between two tries at a service that is away, at most."""
LONGEST_ORDERED_WAIT = 300.0
"""Seconds that a ``Retry-After`` may ask for."""


class Decision(StrEnum):
    """What an answer means for the batch that was sent."""

    DONE = "done"
    """Taken; go on."""
    AGAIN = "again"
    """A passing trouble: the same batch, later."""
    SPLIT = "split"
    """The batch itself is refused: send its parts, drop the one that is to blame."""
    HOLD = "hold"
    """The service refuses us as we are set up (token, address): keep everything, try seldom."""


def decide(status: int) -> Decision:
    """The one retry table, over every HTTP status."""
    if 200 <= status < 300:
        return Decision.DONE
    if status in {408, 425, 429} or status >= 500 or status < 200:
        return Decision.AGAIN
    if status in {400, 413, 422}:
        return Decision.SPLIT
    return Decision.HOLD


def wait_seconds(failures: int, rng: Random) -> float:
    """How long to wait after ``failures`` failures in a row: doubling, half of it jitter."""
    ceiling = min(LONGEST_WAIT, 0.5 * 2.0 ** min(failures - 1, 10))
    return ceiling * (0.5 + 0.5 * rng.random())


def parse_retry_after(text: str | None, now: float) -> float | None:
    """Seconds that a ``Retry-After`` header asks for (a number or a date), else None."""
    if not text:
        return None
    text = text.strip()
    if text.isdigit():
        return min(float(text), LONGEST_ORDERED_WAIT)
    try:
        due = parsedate_to_datetime(text).timestamp()
    except (ValueError, TypeError, OverflowError):
        return None
    return min(max(due - now, 0.0), LONGEST_ORDERED_WAIT)
