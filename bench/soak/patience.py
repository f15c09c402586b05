import time
from collections.abc import Iterator
from typing import Final

_LONGEST_NAP: Final = 1.0


def awake(seconds: float, nap: float = 0.05) -> Iterator[float]:
    """Yield every ``nap`` seconds until this process has been awake for ``seconds``.

    What is yielded is the time awake so far. Time for which the whole process was stopped
    (SIGSTOP, a sleeping laptop) does not count, so that a wait never ends for it.
    """
    spent, last = 0.0, time.monotonic()
    while spent < seconds:
        yield spent
        time.sleep(nap)
        now = time.monotonic()
        spent += min(now - last, nap + _LONGEST_NAP)
        last = now
