"""MLflow's ``order_by``: names with ASC or DESC; newest first where nothing is asked."""

import math
from collections.abc import Sequence
from operator import itemgetter
from typing import Any

from gadwatch_service.mlflow.errors import invalid
from gadwatch_service.mlflow.filters import Facts, parse_name

Order = tuple[str, str, bool]
"""Kind, key and whether descending."""


def parse_order(clauses: Sequence[str]) -> tuple[Order, ...]:
    """The orders that were asked for, the most important one first.

    Raises :class:`MlflowError` when a clause is not a name with ASC or DESC.
    """
    orders = []
    for clause in clauses:
        name, _, direction = clause.strip().rpartition(" ")
        if direction.upper() not in ("ASC", "DESC"):
            name, direction = clause.strip(), "ASC"
        if not name or (" " in name and name.strip()[-1] not in '`"'):
            raise invalid(f"order_by {clause[:80]!r} must be a name, then ASC or DESC")
        kind, key = parse_name(name.strip(), clause)
        orders.append((kind, key, direction.upper() == "DESC"))
    return tuple(orders)


def ordered(found: Sequence[tuple[Facts, Any]], orders: Sequence[Order]) -> list[Any]:
    """The found things in the asked order; absent values and NaN last in both directions."""
    rows = list(found)
    for kind, key, descending in reversed(orders):
        values: list[tuple[Any, tuple[Facts, Any]]] = [(row[0].get(kind, key), row) for row in rows]
        present = [pair for pair in values if _comparable(pair[0])]
        present.sort(key=itemgetter(0), reverse=descending)
        absent = [pair for pair in values if not _comparable(pair[0])]
        rows = [row for _, row in present + absent]
    return [thing for _, thing in rows]


def _comparable(value: str | float | None) -> bool:
    return value is not None and not (isinstance(value, float) and math.isnan(value))
