import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from gadwatch_service import metrics


class Heartbeats:
    """When each background worker last finished a round; asked by ``/readyz``.

    A worker wraps each round in :meth:`round`. One that is silent for longer than it promised
    is late: it hangs, or its task has died.
    """

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._last: dict[str, float] = {}
        self._promise: dict[str, float] = {}

    def register(self, worker: str, within: float) -> None:
        """Expect a round of ``worker`` at least every ``within`` seconds."""
        self._last[worker] = self._monotonic()
        self._promise[worker] = within

    @contextmanager
    def round(self, worker: str) -> Iterator[None]:
        """Count a round, failed ones apart; a failed round is a sign of life too."""
        try:
            yield
        except Exception:
            metrics.worker_errors.labels(worker).inc()
            raise
        finally:
            metrics.worker_passes.labels(worker).inc()
            self._last[worker] = self._monotonic()

    def silent(self) -> dict[str, float]:
        """Seconds of silence of each worker that is late."""
        now = self._monotonic()
        silence = {worker: now - last for worker, last in self._last.items()}
        return {
            worker: seconds
            for worker, seconds in silence.items()
            if seconds > self._promise.get(worker, 60.0)
        }
