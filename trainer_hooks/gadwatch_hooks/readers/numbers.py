"""Numbers as logs write them."""

import math
import re
from typing import Any

_WRAPPED = re.compile(r"(?:[A-Za-z_][\w.]*)\(\s*([^(),]+?)\s*(?:,.*)?\)", re.DOTALL)
"""``np.float64(0.5)``, ``tensor(0.5, device='cuda:0')``."""

_WORDS = {
    "nan": math.nan,
    "inf": math.inf,
    "infinity": math.inf,
    "null": math.nan,
    "none": math.nan,
    "true": 1.0,
    "false": 0.0,
}


_FLOATS = frozenset({float})


def parse_number(text: str) -> float | None:
    """The number that ``text`` shows, else None. ``94.7%`` is 0.947; ``null`` is NaN."""
    try:
        return float(text)
    except ValueError:
        pass
    text = text.strip()
    if wrapped := _WRAPPED.fullmatch(text):
        return parse_number(wrapped[1])
    if text.endswith("%"):
        share = parse_number(text[:-1])
        return None if share is None else share / 100.0
    return _WORDS.get(text.lower().lstrip("+-")) if not text.startswith("-inf") else -math.inf


def json_number(value: Any) -> float | None:
    """The number that a JSON value means as a metric, else None.

    null is a non-finite value: verl's writers turn NaN into it.
    """
    if value is None:
        return math.nan
    if isinstance(value, (int, float)):
        try:
            return float(value)
        except OverflowError:
            return math.inf if value > 0 else -math.inf
    if isinstance(value, str):
        return parse_number(value) if len(value) <= 64 and value else None
    return None


def flatten(
    values: dict[str, Any], into: dict[str, float], prefix: str = "", depth: int = 0
) -> None:
    """Collect the numbers of a nested object under names joined by ``/``.

    An object with ``mean`` and ``num`` or ``std`` is one measured value: its mean.
    """
    if not prefix and _FLOATS.issuperset(map(type, values.values())):  # nearly always
        into.update(values)
        return
    for name, value in values.items():
        if type(value) is float:
            into[prefix + name] = value
            continue
        if isinstance(value, dict):
            if "mean" in value and ("num" in value or "std" in value):
                value = value["mean"]  # noqa: PLW2901  # the value that the object stands for
            elif depth < 8:
                flatten(value, into, f"{prefix}{name}/", depth + 1)
                continue
        number = json_number(value)
        if number is not None:
            into[prefix + name] = number
