"""MLflow's filter expressions, parsed and applied: comparisons joined by AND.

``metrics.`critic/d_acc` > 0.9 AND params.lr = '1e-6' AND attributes.status != 'FAILED'``
"""

import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from gadwatch_rules import canonical_name
from gadwatch_service.mlflow.errors import invalid
from gadwatch_service.mlflow.wire import metric_in

KINDS = {
    **dict.fromkeys(("metric", "metrics"), "metric"),
    **dict.fromkeys(("param", "params", "parameter", "parameters"), "param"),
    **dict.fromkeys(("tag", "tags"), "tag"),
    **dict.fromkeys(("attribute", "attributes", "attr", "run"), "attribute"),
}
ATTRIBUTES = {"created": "start_time", "run name": "run_name", "artifact_location": "artifact_uri"}
NUMERIC_ATTRIBUTES = {"start_time", "end_time", "creation_time", "last_update_time"}

_TOKEN = re.compile(
    r"""\s*(?:
      (?P<string>'(?:[^'\\]|\\.)*')
    | (?P<number>[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?(?![\w./]))
    | (?P<operator><=|>=|!=|=|<|>)
    | (?P<punctuation>[(),])
    | (?P<word>(?:[A-Za-z_]\w*\.)?(?:`[^`]+`|"[^"]+"|[\w./:-]+))
    )""",
    re.VERBOSE,
)


@dataclass(frozen=True)
class Comparison:
    """One condition: ``kind`` is metric, param, tag or attribute."""

    kind: str
    key: str
    operator: str
    value: Any


@dataclass(frozen=True)
class Facts:
    """What of a run or an experiment a condition can speak about."""

    attributes: Mapping[str, str | int | None]
    params: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    metrics: Mapping[str, float] = field(default_factory=dict)

    def get(self, kind: str, key: str) -> str | float | None:
        """The value that a condition's left side names, or None."""
        match kind:
            case "metric":
                return self.metrics.get(key)
            case "param":
                return self.params.get(key)
            case "tag":
                return self.tags.get(key)
        return self.attributes.get(key)


def parse_filter(text: str) -> tuple[Comparison, ...]:
    """The conditions of a filter, all of which must hold.

    Raises :class:`MlflowError` when the text is not a filter; the message says where it
    stops making sense.
    """
    tokens = _tokens(text)
    conditions = []
    if not tokens:
        return ()
    conditions.append(_comparison(tokens, text))
    while tokens:
        if _pop(tokens, text)[1].upper() != "AND":
            raise _unreadable(text, "conditions can only be joined by AND")
        conditions.append(_comparison(tokens, text))
    return tuple(conditions)


def matches(conditions: tuple[Comparison, ...], facts: Facts) -> bool:
    """Whether every condition holds; a value that is absent satisfies only IS NULL."""
    return all(
        _holds(condition, facts.get(condition.kind, condition.key)) for condition in conditions
    )


def parse_name(word: str, text: str) -> tuple[str, str]:
    """Kind and key of a left side: ``metrics.loss``, ``params.`a b```, ``status``."""
    prefix, dot, rest = word.partition(".")
    if not dot or word[0] in '`"' or prefix.lower() not in KINDS:
        if dot and word[0] not in '`"':
            raise _unreadable(text, f"{prefix!r} is none of metrics, params, tags, attributes")
        prefix, rest = "attributes", word
    kind = KINDS[prefix.lower()]
    key = rest.strip('`"')
    if kind == "attribute":
        key = ATTRIBUTES.get(key.lower(), key.lower())
    return kind, canonical_name(metric_in(key)) if kind == "metric" else key


def _tokens(text: str) -> list[tuple[str, str]]:
    tokens = []
    position = 0
    while text[position:].strip():
        match = _TOKEN.match(text, position)
        if match is None:
            raise _unreadable(text, f"at {text[position : position + 20]!r}")
        tokens.append((str(match.lastgroup), match.group(str(match.lastgroup))))
        position = match.end()
    tokens.reverse()  # so that pop() takes from the front
    return tokens


def _comparison(tokens: list[tuple[str, str]], text: str) -> Comparison:
    group, word = _pop(tokens, text)
    if group != "word":
        raise _unreadable(text, f"a condition starts with a name, not {word!r}")
    kind, key = parse_name(word, text)
    sign = _operator(tokens, text)
    if sign in ("IS NULL", "IS NOT NULL"):
        return Comparison(kind, key, sign, None)
    if sign in ("IN", "NOT IN"):
        return Comparison(kind, key, sign, _list(tokens, text))
    group, word = _pop(tokens, text)
    if kind == "metric" or (kind == "attribute" and key in NUMERIC_ATTRIBUTES):
        if group != "number" or sign in ("LIKE", "ILIKE"):
            raise _unreadable(text, f"{key!r} compares with a number, not {word!r}")
        return Comparison(kind, key, sign, float(word))
    if group == "word" and word.startswith('"'):
        group = "string"
    if group != "string" or sign in ("<", "<=", ">", ">="):
        raise _unreadable(text, f"{key!r} compares by =, !=, LIKE or ILIKE with a quoted text")
    return Comparison(kind, key, sign, _unquote(word))


def _operator(tokens: list[tuple[str, str]], text: str) -> str:
    group, word = _pop(tokens, text)
    sign = word.upper()
    if group == "operator" or sign in ("LIKE", "ILIKE", "IN"):
        return sign
    if sign == "NOT" and _pop(tokens, text)[1].upper() == "IN":
        return "NOT IN"
    if sign == "IS":
        following = _pop(tokens, text)[1].upper()
        if following == "NULL":
            return "IS NULL"
        if following == "NOT" and _pop(tokens, text)[1].upper() == "NULL":
            return "IS NOT NULL"
    raise _unreadable(text, f"{word!r} is not a comparison")


def _list(tokens: list[tuple[str, str]], text: str) -> tuple[str, ...]:
    if _pop(tokens, text)[1] != "(":
        raise _unreadable(text, "IN needs a list in parentheses")
    items = []
    while True:
        group, word = _pop(tokens, text)
        if group not in ("string", "word"):
            raise _unreadable(text, f"a list holds quoted texts, not {word!r}")
        items.append(_unquote(word))
        if (end := _pop(tokens, text)[1]) == ")":
            return tuple(items)
        if end != ",":
            raise _unreadable(text, "a list is separated by commas")


def _pop(tokens: list[tuple[str, str]], text: str) -> tuple[str, str]:
    if not tokens:
        raise _unreadable(text, "it ends in the middle of a condition")
    return tokens.pop()


def _unquote(word: str) -> str:
    return re.sub(r"\\(.)", r"\1", word[1:-1]) if word[0] in "'\"" else word


def _unreadable(text: str, why: str) -> Exception:
    return invalid(f"the filter {text[:200]!r} cannot be read: {why}")


_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def _holds(condition: Comparison, actual: str | float | None) -> bool:
    match condition.operator:
        case "IS NULL":
            return actual is None
        case "IS NOT NULL":
            return actual is not None
    if actual is None:
        return False
    match condition.operator:
        case "IN":
            return actual in condition.value
        case "NOT IN":
            return actual not in condition.value
        case "LIKE" | "ILIKE" as sign:
            return _pattern(str(condition.value), sign).fullmatch(str(actual)) is not None
        case sign:
            return _COMPARE[sign](actual, condition.value)


@lru_cache(maxsize=64)
def _pattern(like: str, sign: str) -> re.Pattern[str]:
    parts = (".*" if c == "%" else "." if c == "_" else re.escape(c) for c in like)
    return re.compile("".join(parts), re.DOTALL | (re.IGNORECASE if sign == "ILIKE" else 0))
