from collections.abc import Callable
from random import Random

from gadwatch_hooks.retry import LONGEST_WAIT, wait_seconds


class Breaker:
    """Keeps a service that is away from being asked all the time.

    Closed, every try may pass. A failure blocks tries until a waiting time is over; three in
    a row open the breaker, and then each try is a single probe. One success closes it.
    """

    THRESHOLD = 3

    def __init__(self, clock: Callable[[], float], rng: Random) -> None:
        self._clock = clock
        self._rng = rng
        self._failures = 0
        self._blocked_until = 0.0

    @property
    def is_open(self) -> bool:
        """Whether the service has failed three times in a row or refuses us altogether."""
        return self._failures >= self.THRESHOLD

    def allows(self) -> bool:
        """Whether a try may be made now."""
        return self._clock() >= self._blocked_until

    def failed(self, retry_after: float | None = None) -> None:
        """Count one failure; ``retry_after`` is what the service asked for, in seconds."""
        self._failures += 1
        wait = wait_seconds(self._failures, self._rng)
        self._blocked_until = self._clock() + max(wait, retry_after or 0.0)

    def refused(self) -> None:
        """The service will not have us as we are: open at once, for the longest time."""
        self._failures = max(self._failures + 1, self.THRESHOLD)
        self._blocked_until = self._clock() + LONGEST_WAIT

    def succeeded(self) -> None:
        """Close."""
        self._failures = 0
        self._blocked_until = 0.0
