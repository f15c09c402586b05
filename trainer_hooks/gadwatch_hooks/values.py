"""What a trainer passes to ``run.log`` becomes numbers.

Two halves, because the training thread must neither wait nor pay:

1. :func:`freeze` runs on the training thread. Plain numbers pass untouched; whatever the
   trainer could still change (arrays, tensors, nested dicts) is read at once, and CUDA tensors
   are copied on their device without waiting for it.
2. :func:`numbers_of` runs on the worker thread and does the rest.
"""

import math
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from numbers import Real
from typing import Any

from gadwatch_hooks.cuda import DeviceScalar, snapshot
from gadwatch_hooks.strict import tell_once

LONGEST_NAME = 250
"""Characters that the service allows a metric's name by default."""

_known_names: set[Any] = set()
_PLAIN: set[type] = {int, float, bool, type(None), str}
"""Types whose values cannot change after ``log`` has returned; numpy's scalars join on sight."""


def freeze(metrics: Mapping[Any, Any]) -> dict[Any, Any]:
    """A copy of ``metrics`` that later changes by the trainer cannot reach."""
    taken = dict(metrics)
    if _PLAIN.issuperset(map(type, taken.values())):
        return taken
    frozen: dict[Any, Any] = {}
    on_device: dict[Any, Any] = {}
    for name, given in _flat(taken):
        value = _own_copy(given) if hasattr(given, "placements") else given
        if _is_cuda(value):
            on_device[name] = value
            frozen[name] = None  # keeps the place
        else:
            frozen[name] = _freeze_one(value)
    if on_device:
        frozen.update(snapshot(on_device))
    return frozen


def numbers_of(frozen: Mapping[Any, Any]) -> tuple[dict[str, float | str], Counter[str]]:
    """JSON-safe metrics, and how many values were refused by reason.

    Non-finite values become ``"NaN"``, ``"Infinity"`` and ``"-Infinity"``; None is a metric
    that was not measured and is left out.
    """
    metrics: dict[str, float | str] = {}
    refused: Counter[str] = Counter()
    for name, value in frozen.items():
        if value is None:
            continue
        try:
            number = _number(value)
        except RuntimeError:  # a kernel before it has failed; the rest of the step is still good
            refused["device_error"] += 1
            continue
        if number is None:
            refused["not_a_number"] += 1
        elif name not in _known_names and not _is_name(name):
            refused["bad_name"] += 1
        else:
            metrics[str(name)] = number if math.isfinite(number) else spell(number)
    return metrics, refused


def _is_name(name: Any) -> bool:
    """Whether the service can store a metric of this name."""
    text = str(name)
    fine = bool(text.strip()) and text.isprintable() and len(text) <= LONGEST_NAME
    if fine and len(_known_names) < 10_000:
        _known_names.add(name)
    return fine


def spell(number: float) -> str:
    """The word for a non-finite ``number`` in JSON."""
    if math.isnan(number):
        return "NaN"
    return "Infinity" if number > 0 else "-Infinity"


def is_ready(frozen: Mapping[Any, Any]) -> bool:
    """Whether every value can be read without waiting for a device."""
    return all(v.is_ready() for v in frozen.values() if type(v) is DeviceScalar)


def _number(value: Any) -> float | None:
    if type(value) is float:
        return value
    if type(value) is DeviceScalar:
        value = value.read()
    if not isinstance(value, Real):
        return None
    try:
        return float(value)
    except OverflowError:  # an integer beyond 1.8e308
        return math.inf if value > 0 else -math.inf  # type: ignore[operator]


def _freeze_one(value: Any) -> Any:
    kind = type(value)
    if kind in _PLAIN:
        return value
    if isinstance(value, Real):
        _PLAIN.add(kind)
        return value
    if _holds_one(value):
        return value.item()
    return _NOT_A_NUMBER


def _holds_one(value: Any) -> bool:
    """Whether ``value`` is an array or tensor of exactly one element, of any library."""
    if not hasattr(value, "item"):
        return False
    count = value.numel() if hasattr(value, "numel") else getattr(value, "size", None)
    return bool(count == 1)


def _own_copy(value: Any) -> Any:
    """The number that this rank holds of a ``DTensor``.

    One that is sharded or not yet reduced would need the other ranks to answer, and they do not
    log: it is refused. ``value.full_tensor()``, called on every rank, makes a number of it.
    """
    if all(placement.is_replicate() for placement in value.placements):
        return value.to_local()
    tell_once("dtensor", "a DTensor that is not replicated is no number; log its full_tensor()")
    return _NOT_A_NUMBER


def _is_cuda(value: Any) -> bool:
    torch = sys.modules.get("torch")
    return (
        torch is not None
        and isinstance(value, torch.Tensor)
        and value.device.type == "cuda"
        and value.numel() == 1
    )


def _flat(metrics: Mapping[Any, Any], prefix: str = "") -> Iterator[tuple[Any, Any]]:
    for name, value in metrics.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{name}/")
        else:
            yield (f"{prefix}{name}" if prefix else name), value


_NOT_A_NUMBER = "(not a number)"
"""Stands for a value that was refused, so that the value itself is not kept alive."""
