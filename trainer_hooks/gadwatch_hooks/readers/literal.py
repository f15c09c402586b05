import ast
import math
from typing import Any

_NAMES = {"nan": math.nan, "inf": math.inf, "NaN": math.nan, "Infinity": math.inf, "null": None}
LONGEST = 200_000


def literal_dict(text: str) -> dict[str, Any] | None:
    """A dict as Python prints it, with ``nan``, ``inf``, ``np.float64(…)`` and ``tensor(…)``.

    Nothing is evaluated; values that are no numbers or strings are left out. None when
    ``text`` is no dict.
    """
    if len(text) > LONGEST:
        return None
    try:
        tree = ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        return None
    return _dict(tree) if isinstance(tree, ast.Dict) else None


def _dict(tree: ast.Dict) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, part in zip(tree.keys, tree.values, strict=True):
        if isinstance(key, ast.Constant) and isinstance(key.value, (str, int)):
            value = _value(part)
            if value is not _NOTHING:
                found[str(key.value)] = value
    return found


def _value(tree: ast.expr) -> Any:
    match tree:
        case ast.Constant(value=str() | int() | float() | None as value):
            return value
        case ast.Name(id=name) if name in _NAMES:
            return _NAMES[name]
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            value = _value(operand)
            return -value if isinstance(value, (int, float)) else _NOTHING
        case ast.Call(args=[first, *_]):
            return _value(first)
        case ast.Dict():
            return _dict(tree)
        case _:
            return _NOTHING


_NOTHING = object()
