"""The gate's clauses as a person reads them: what was asked, seen, how much room is left."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gadwatch_dashboards import formats
from gadwatch_dashboards.texts import Texts
from gadwatch_dashboards.views.badges import Badge, badge
from gadwatch_dashboards.words import asks, title

AGES = ("finite_values", "data_fresh")
"""Clauses that observe how many steps ago something was; nothing observed is good news."""


@dataclass(frozen=True)
class ClauseRow:
    """One clause of the gate; ``asks`` says what is measured."""

    clause_id: str
    title: str
    kind: str
    asks: str
    status: Badge
    observed: str
    required: str
    margin: str
    reason: str


def clause_row(clause: Mapping[str, Any], texts: Texts) -> ClauseRow:
    """One clause of an assessment in the reader's words."""
    return ClauseRow(
        clause_id=clause["id"],
        title=title("clauses", clause["id"], texts.lang),
        kind=texts.maybe(f"clause_kind.{clause['kind']}", clause["kind"]),
        asks=asks(clause["id"], texts.lang),
        status=badge("clause", clause["status"], texts),
        observed=observed(clause, texts),
        required=required(clause, texts),
        margin=formats.number(clause.get("margin"), 3),
        reason=_worded(clause.get("reason") or "", texts),
    )


def observed(clause: Mapping[str, Any], texts: Texts) -> str:
    """The observed value.

    While a clause is unknown its value is the number of steps so far, which its reason tells; only
    the clause about that number shows it.
    """
    value = clause["observed"]
    if clause["status"] == "unknown" and clause["id"] != "min_steps":
        return formats.ABSENT
    if clause["id"] in AGES and clause["status"] != "unknown":
        if value is None and clause["status"] == "pass":
            return texts("clause.none") if clause["id"] == "finite_values" else texts("time.now")
        if value is not None:
            return texts("clause.steps_ago", count=formats.number(value))
    return formats.number(value)


def required(clause: Mapping[str, Any], texts: Texts) -> str:
    """The bound, with the signs of mathematics and in the reader's language."""
    if clause["id"] == "finite_values":
        return texts("clause.none")
    return _worded(str(clause["required"]), texts).replace("-", "−")


def _worded(text: str, texts: Texts) -> str:
    """A bound holds one English word, also where a reason quotes it."""
    return formats.signs(text).replace("within", texts("clause.within"))
