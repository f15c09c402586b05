from collections import Counter
from threading import Lock


class Losses:
    """What could not be kept, counted by reason. Safe to use from any thread.

    Reasons: ``queue_full``, ``spool_full``, ``disk_error``, ``not_a_number``, ``bad_step``,
    ``bad_name``, ``not_a_mapping``, ``device_error`` (of values on a GPU that has failed),
    ``after_finish``, ``torn`` (cut off by a crash), ``rejected`` and ``config_rejected`` (refused
    by the service) and ``internal_error``.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._total: Counter[str] = Counter()
        self._unsent: Counter[str] = Counter()

    def add(self, reason: str, count: int = 1) -> None:
        """Count ``count`` more losses."""
        if count:
            with self._lock:
                self._total[reason] += count
                self._unsent[reason] += count

    def take(self) -> dict[str, int]:
        """What has been counted since the last call; the caller must send it on."""
        with self._lock:
            taken, self._unsent = dict(self._unsent), Counter()
        return taken

    def total(self) -> dict[str, int]:
        """Everything counted by this process."""
        with self._lock:
            return dict(self._total)
