"""What the rules call things: titles and explanations of rules, clauses and diagnoses."""

from typing import Any, Literal

from gadwatch_rules.texts import text

Group = Literal["rules", "clauses", "diagnoses"]


def title(group: Group, key: str, lang: str) -> str:
    """The title of a rule, clause or diagnosis; its id in words where it has none."""
    return str(_table(group, key, lang).get("title", key.replace("_", " ").capitalize()))


def why(rule: str, lang: str) -> str:
    """Why a rule exists, in a sentence or two; empty where it is not said."""
    return str(_table("rules", rule, lang).get("why", ""))


def advice(rule: str, lang: str) -> tuple[str, ...]:
    """What to try when a rule fires, the first thing first."""
    return tuple(_table("rules", rule, lang).get("advice", ()))


def asks(clause: str, lang: str) -> str:
    """What a clause of the gate measures; empty where it is not said."""
    return str(_table("clauses", clause, lang).get("asks", ""))


def _table(group: Group, key: str, lang: str) -> dict[str, Any]:
    found = text(group, key, lang)
    return found if isinstance(found, dict) else {}
