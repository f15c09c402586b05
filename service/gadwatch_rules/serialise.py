"""States as bytes: a JSON head with everything small, then all floats as doubles.

Layout: ``GWS1``, the head's length (u32, little-endian), the head, the doubles. The head names
the engine's fingerprint; another engine's state is refused, never guessed at.
"""

import json
import struct
import sys
from array import array
from collections.abc import Callable
from typing import Any

from gadwatch_rules.errors import StateError
from gadwatch_rules.gate import Latch
from gadwatch_rules.hold import QUIET, Cell, State
from gadwatch_rules.results import Severity
from gadwatch_rules.state import RunState

MAGIC = b"GWS1"
_HEAD = struct.Struct("<4sI")
_PLAIN = (
    "stage",
    "pack",
    "status",
    "steps",
    "first_step",
    "last_step",
    "last_time",
    "promised_until",
    "silent",
    "verdict",
    "segment_start",
    "position",
    "age",
    "warmup_steps",
    "bad_position",
    "open_critical",
    "before_bad_position",
)


def dump_state(state: RunState, fingerprint: str) -> bytes:
    """The state as bytes; equal states give equal bytes."""
    floats = array("d")
    windows: dict[str, list[int]] = {}
    for name, window in state.windows.items():
        if not window.seen:
            continue
        values = window.stored()
        floats.extend(values)
        floats.extend(window.start)
        windows[name] = [
            len(values),
            len(window.start),
            window.count,
            window.seen,
            window.seen_before,
        ]
    floats.extend(state.step_seconds)
    opened = sorted(state.logged_now)
    floats.extend([state.logged_now[name] for name in opened])
    head = {
        "for": fingerprint,
        "plain": [getattr(state, name) for name in _PLAIN],
        "windows": windows,
        "seconds": len(state.step_seconds),
        "open": opened,
        "folded": sorted(state.folded),
        "percent": sorted(state.percent),
        "logged": sorted(state.logged),
        "cells": {index: _cell(state.cells[index]) for index in sorted(state.active)},
        "before": {index: _cell(cell) for index, cell in sorted(state.before_cells.items())},
        "told": sorted(state.told.items()),
        "before_told": sorted(state.before_told.items()),
        "latch": state.latch,
        "before_latch": state.before_latch,
    }
    encoded = json.dumps(head, separators=(",", ":")).encode()
    if sys.byteorder == "big":
        floats.byteswap()
    return _HEAD.pack(MAGIC, len(encoded)) + encoded + floats.tobytes()


def load_state(data: bytes, fingerprint: str, blank: Callable[[str], RunState]) -> RunState:
    """The state of these bytes. Raises StateError when they are not this engine's."""
    try:
        magic, size = _HEAD.unpack_from(data)
        if magic != MAGIC:
            raise StateError("not a state of this version; derive it anew by replay")
        head = json.loads(data[_HEAD.size : _HEAD.size + size])
        floats = array("d")
        floats.frombytes(data[_HEAD.size + size :])
    except (struct.error, ValueError) as error:
        raise StateError(f"the stored state is damaged ({error}); derive it by replay") from error
    if head["for"] != fingerprint:
        raise StateError("the rules have changed since this state; derive it anew by replay")
    if sys.byteorder == "big":
        floats.byteswap()
    return _rebuild(head, floats.tolist(), blank)


def _rebuild(
    head: dict[str, Any], floats: list[float], blank: Callable[[str], RunState]
) -> RunState:
    plain = dict(zip(_PLAIN, head["plain"], strict=True))
    state = blank(plain["stage"])
    for name, value in plain.items():
        setattr(state, name, value)
    at = 0
    for name, numbers in head["windows"].items():
        window = state.windows[name]
        size, start, window.count, window.seen, window.seen_before = numbers
        window.values = floats[at : at + size]
        at += size
        window.start = floats[at : at + start]
        at += start
    state.step_seconds = floats[at : at + head["seconds"]]
    at += head["seconds"]
    state.logged_now = dict(zip(head["open"], floats[at:], strict=True))
    state.folded = head["folded"]
    state.percent = set(head["percent"])
    state.logged = set(head["logged"])
    for index, cell in head["cells"].items():
        state.cells[int(index)] = _uncell(cell)
        state.active.add(int(index))
    state.before_cells = {int(index): _uncell(cell) for index, cell in head["before"].items()}
    state.told = {index: (first, severity) for index, (first, severity) in head["told"]}
    state.before_told = {
        index: (first, severity) for index, (first, severity) in head["before_told"]
    }
    state.latch = Latch(*head["latch"])
    state.before_latch = Latch(*head["before_latch"])
    return state


def _cell(cell: Cell) -> Any:
    # JSON of Python carries NaN and infinities of a cell's value as bare words both ways.
    return None if cell is QUIET else tuple(cell)


def _uncell(parts: Any) -> Cell:
    if parts is None:
        return QUIET
    cell = Cell(*parts)
    return cell._replace(state=State(cell.state), severity=Severity(cell.severity))
