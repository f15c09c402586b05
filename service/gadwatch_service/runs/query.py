"""Which runs a list shows and in what order; cursors that survive new runs coming in."""

import base64
import binascii
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    Double,
    SQLColumnExpression,
    Text,
    case,
    cast,
    func,
    literal,
    or_,
)
from sqlalchemy import true as always

from gadwatch_service.errors import Invalid
from gadwatch_service.store.tables import Run, RunState

_GRAVITY: Final = {"critical": 3, "warning": 2, "ok": 1}
_NEARNESS: Final = {"ready": 3, "not_ready": 2, "insufficient_data": 1}
_LOWEST: Final = literal(float("-inf"), Double)


def _epoch(moment: SQLColumnExpression[Any]) -> ColumnElement[float]:
    return func.coalesce(cast(func.extract("epoch", moment), Double), _LOWEST)


def _number(value: SQLColumnExpression[Any]) -> ColumnElement[float]:
    return func.coalesce(cast(value, Double), _LOWEST)


_SORTS: Final[dict[str, Callable[[], SQLColumnExpression[Any]]]] = {
    "created": lambda: _epoch(Run.created_at),
    "name": lambda: func.lower(Run.name),
    "project": lambda: Run.project,
    "group": lambda: func.coalesce(Run.group_name, literal("", Text)),
    "status": lambda: RunState.status,
    "stage": lambda: RunState.stage,
    "health": lambda: _number(case(_GRAVITY, value=RunState.health, else_=0)),
    "verdict": lambda: _number(case(_NEARNESS, value=RunState.verdict, else_=0)),
    "steps": lambda: _number(RunState.steps),
    "last_step": lambda: _number(RunState.last_step),
    "first_ready_step": lambda: _number(RunState.first_ready_step),
    "started": lambda: _epoch(RunState.started_at),
    "last_seen": lambda: _epoch(RunState.last_seen_at),
    "duration": lambda: _number(
        func.extract(
            "epoch",
            func.coalesce(RunState.finished_at, RunState.last_seen_at) - RunState.started_at,
        )
    ),
}
SORTS: Final = tuple(_SORTS)
"""What a list can be ordered by; and ``latest:<metric>``."""

_METRIC: Final = "latest:"


@dataclass(frozen=True)
class RunQuery:
    """A list of runs as asked for.

    Empty fields let everything through. ``projects`` limits it to what the asker may see.
    ``q`` is looked for in name, id, project, group and tags. ``sort`` is one of :data:`SORTS` or
    ``latest:<metric>``, with ``-`` for descending; ``cursor`` is the ``next_cursor`` of the page
    before.
    """

    project: str | None = None
    stage: str | None = None
    health: str | None = None
    verdict: str | None = None
    status: str | None = None
    group: str | None = None
    tag: str | None = None
    q: str | None = None
    ids: tuple[str, ...] = ()
    projects: frozenset[str] | None = None
    sort: str = "-created"
    cursor: str | None = None
    limit: int = 50

    @property
    def descending(self) -> bool:
        """Whether the greatest comes first."""
        return self.sort.startswith("-")

    def sort_key(self) -> SQLColumnExpression[Any]:
        """The expression to order by; never NULL. Raises Invalid for an unknown name."""
        name = self.sort.removeprefix("-")
        if name.startswith(_METRIC):
            return _number(RunState.latest[name.removeprefix(_METRIC)].astext)
        if name not in _SORTS:
            known = ", ".join(SORTS)
            raise Invalid(f"sort={self.sort} is not known: use one of {known}, latest:<metric>.")
        return _SORTS[name]()

    def conditions(self) -> list[ColumnElement[bool]]:
        """The filters as SQL."""
        equal = {
            Run.project: self.project,
            RunState.stage: self.stage,
            RunState.health: self.health,
            RunState.verdict: self.verdict,
            RunState.status: self.status,
            Run.group_name: self.group,
        }
        found: list[ColumnElement[bool]] = [always()]
        found += [column == value for column, value in equal.items() if value]
        if self.tag:
            found.append(Run.tags.contains([self.tag]))
        if self.ids:
            found.append(Run.run_id.in_(self.ids))
        if self.projects is not None:
            found.append(Run.project.in_(self.projects))
        if self.q:
            places = (Run.name, Run.run_id, Run.project, Run.group_name,
                      func.array_to_string(Run.tags, " "))  # fmt: skip
            found.append(or_(*(place.icontains(self.q, autoescape=True) for place in places)))
        return found


def encode_cursor(*parts: Any) -> str:
    """A cursor that carries ``parts``."""
    return base64.urlsafe_b64encode(json.dumps(parts).encode()).decode().rstrip("=")


def decode_cursor(cursor: str, *kinds: type | tuple[type, ...]) -> list[Any]:
    """The parts of a cursor. Raises Invalid when it is not one that we gave out."""
    try:
        parts = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (binascii.Error, ValueError):
        parts = None
    if (
        not isinstance(parts, list)
        or len(parts) != len(kinds)
        or not all(isinstance(part, kind) for part, kind in zip(parts, kinds, strict=True))
    ):
        raise Invalid("cursor is not one that this list gave: start again without it.")
    return parts
