"""Reading CUDA scalars without holding up the training thread.

``.item()`` on a CUDA tensor waits until the device has caught up, which costs a trainer the
very overlap it is built on. So the training thread only queues a copy behind the kernels that
are already queued, and an event behind the copy; the worker thread reads the copy on a stream
of its own once the event has passed.
"""

from collections import defaultdict
from collections.abc import Mapping
from typing import Any


class _Copy:
    """Scalars of one device and dtype, copied together; ``values`` is shared by its parts."""

    def __init__(self, tensors: list[Any]) -> None:
        import torch

        with torch.no_grad():
            self._stacked = torch.stack([tensor.detach().reshape(()) for tensor in tensors])
        self._done: Any = torch.cuda.Event()  # type: ignore[no-untyped-call]
        self._done.record(torch.cuda.current_stream(self._stacked.device))
        self._values: list[Any] | None = None

    def is_ready(self) -> bool:
        try:
            return self._values is not None or bool(self._done.query())
        except RuntimeError:  # the device has failed: reading will say so, waiting is in vain
            return True

    def values(self) -> list[Any]:
        if self._values is None:
            import torch

            self._done.synchronize()
            # On the training's stream the read would wait for every kernel queued since.
            with torch.cuda.stream(_side_stream(self._stacked.device)):
                self._values = self._stacked.tolist()
        return self._values


class DeviceScalar:
    """One value on its way from a device."""

    __slots__ = ("_copy", "_index")

    def __init__(self, copy: _Copy, index: int) -> None:
        self._copy = copy
        self._index = index

    def is_ready(self) -> bool:
        """Whether :meth:`read` will not wait."""
        return self._copy.is_ready()

    def read(self) -> Any:
        """The number; waits for the device if it must. ``RuntimeError`` where that has failed."""
        return self._copy.values()[self._index]


def snapshot(tensors: Mapping[Any, Any]) -> dict[Any, DeviceScalar]:
    """Copies of one-element CUDA tensors as they are now in their stream's order.

    One kernel per device and dtype, and no wait.
    """
    groups: dict[tuple[Any, Any], list[Any]] = defaultdict(list)
    for name, tensor in tensors.items():
        groups[tensor.device, tensor.dtype].append(name)
    scalars: dict[Any, DeviceScalar] = {}
    for names in groups.values():
        copy = _Copy([tensors[name] for name in names])
        scalars.update((name, DeviceScalar(copy, index)) for index, name in enumerate(names))
    return scalars


_streams: dict[Any, Any] = {}


def _side_stream(device: Any) -> Any:
    if device not in _streams:
        import torch

        _streams[device] = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
    return _streams[device]
