"""A trainer's config, whatever it is made of, as plain JSON."""

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

from gadwatch_hooks.values import spell

DEEPEST = 12


def plain(value: Any, depth: int = 0) -> Any:
    """``value`` in JSON's types: mappings, namespaces and dataclasses become objects.

    What JSON has no form for becomes its ``str``; non-finite numbers become words.
    """
    if value is None or isinstance(value, (bool, int, str)):
        return value.replace("\0", "") if isinstance(value, str) else value
    if isinstance(value, float):
        return value if math.isfinite(value) else spell(value)
    if depth >= DEEPEST:
        return str(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        value = {f.name: getattr(value, f.name) for f in dataclasses.fields(value)}
    elif type(value).__name__ == "Namespace":
        value = vars(value)
    elif hasattr(value, "to_dict"):
        value = value.to_dict()
    if isinstance(value, Mapping) or (hasattr(value, "items") and hasattr(value, "keys")):
        return {str(name): plain(part, depth + 1) for name, part in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain(part, depth + 1) for part in value]
    return str(value)
