"""When to try again: one delivery's back-off and one endpoint's circuit breaker. Pure."""

from collections.abc import Callable
from typing import Final

DELAYS_S: Final = (5, 30, 120, 600, 1800, 7200, 21600, 43200, 86400)
"""The wait after the first failure, the second, …: from 5 s to 24 h, two days in all."""

MAX_ATTEMPTS: Final = len(DELAYS_S) + 1
"""After this many failures a delivery is a dead letter."""

_JITTER: Final = 0.2

BREAKS_AT: Final = 5
"""Failures in a row that open the breaker."""

_PAUSE_S: Final = 15.0
_LONGEST_PAUSE_S: Final = 900.0


def delay_s(
    attempts: int, retry_after_s: float | None, random: Callable[[], float]
) -> float | None:
    """The wait after ``attempts`` failures, spread by ± 20 %; None when it is given up.

    A receiver's ``Retry-After`` is a lower bound. ``random`` gives numbers in 0..1.
    """
    if attempts >= MAX_ATTEMPTS:
        return None
    spread = DELAYS_S[attempts - 1] * (1 - _JITTER + 2 * _JITTER * random())
    return max(spread, retry_after_s or 0.0)


def pause_s(failures: int) -> float | None:
    """How long an endpoint rests after this many failures in a row; None below the limit.

    It doubles from 15 s to 15 min; after each rest one message probes the endpoint.
    """
    if failures < BREAKS_AT:
        return None
    return min(_PAUSE_S * 2.0 ** min(failures - BREAKS_AT, 16), _LONGEST_PAUSE_S)
