"""The lines of the journal, which are also the wire format: one JSON object each.

A step is ``{"step":…,"time":…,"metrics":{…}}``, exactly an element of the request's
``steps``; anything else starts with ``{"op":``. So a batch is joined, never encoded again.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from gadwatch_hooks.losses import Losses
from gadwatch_hooks.values import numbers_of

MAX_STEP = 2**53
"""Steps are exact in JSON up to here."""

_encode = json.JSONEncoder(separators=(",", ":"), allow_nan=False).encode


def step_line(step: Any, time: float, frozen: Mapping[Any, Any], losses: Losses) -> bytes | None:
    """One step as a line; None, and counted, when nothing of it can be kept."""
    number = whole_number(step)
    if number is None:
        losses.add("bad_step")
        return None
    metrics, refused = numbers_of(frozen)
    for reason, count in refused.items():
        losses.add(reason, count)
    if refused and not metrics:
        return None
    return _encode({"step": number, "time": round(time, 3), "metrics": metrics}).encode() + b"\n"


def op_line(op: str, **facts: Any) -> bytes:
    """Anything that is no step, as a line."""
    return _encode({"op": op, **facts}).encode() + b"\n"


def whole_number(step: Any) -> int | None:
    """``step`` as an integer that the service takes, or None."""
    try:
        number = int(step)
        exact = bool(number == step)
    except (TypeError, ValueError, OverflowError, RuntimeError):
        return None
    return number if exact and 0 <= number <= MAX_STEP else None


def steps_body(
    session: str,
    lines: Sequence[bytes],
    losses: Mapping[str, int],
    expect_next: float | None,
) -> bytes:
    """The body of ``POST /runs/{id}/steps`` from the journal's own step lines."""
    steps = b",".join(line.rstrip(b"\n") for line in lines)
    head = b'{"session":' + _encode(session).encode()
    tail = b',"losses":' + _encode(losses).encode() if losses else b""
    if expect_next is not None:
        tail += b',"expect_next":' + _encode(expect_next).encode()
    return head + b',"steps":[' + steps + b"]" + tail + b"}"
