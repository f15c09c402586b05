from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

_REMEMBERED_ADDRESSES: Final = 10_000


@dataclass(slots=True)
class _Bucket:
    left: float
    at: float


class Attempts:
    """Limits wrong tokens by address with a leaking bucket; right ones cost nothing.

    ``per_minute`` failures are free and as many a minute come back. Times are seconds of any
    monotonic clock. Bounded: the addresses longest unseen are forgotten.
    """

    def __init__(self, per_minute: int) -> None:
        self._size = float(per_minute)
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()

    def wait_seconds(self, address: str, now: float) -> float:
        """How long ``address`` must wait before its next attempt; 0 when it need not."""
        bucket = self._buckets.get(address)
        if bucket is None:
            return 0.0
        left = self._refilled(bucket, now)
        return 0.0 if left >= 1 else (1 - left) * 60 / self._size

    def failed(self, address: str, now: float) -> None:
        """Count one wrong token."""
        bucket = self._buckets.pop(address, None) or _Bucket(self._size, now)
        self._buckets[address] = _Bucket(max(0.0, self._refilled(bucket, now) - 1), now)
        if len(self._buckets) > _REMEMBERED_ADDRESSES:
            self._buckets.popitem(last=False)

    def _refilled(self, bucket: _Bucket, now: float) -> float:
        return min(self._size, bucket.left + max(0.0, now - bucket.at) * self._size / 60)
