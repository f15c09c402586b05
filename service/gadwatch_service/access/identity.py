from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal, get_args

Scope = Literal["ingest", "read", "write", "admin"]

SCOPES: Final[tuple[Scope, ...]] = get_args(Scope)

IMPLIED: Final[dict[Scope, frozenset[Scope]]] = {
    "ingest": frozenset({"ingest"}),
    "read": frozenset({"read"}),
    "write": frozenset({"write", "read"}),
    "admin": frozenset(SCOPES),
}
"""What each scope lets its holder do. ``ingest`` pushes and creates runs and asks for the
readiness of runs, ``read`` sees everything, ``write`` also changes runs, silences and
thresholds, ``admin`` everything including tokens and alert endpoints."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Who asks: the token behind a request, and what it may do."""

    token_id: str
    name: str
    scopes: frozenset[Scope]
    projects: frozenset[str] | None = None
    """The only projects it may touch; None means all."""
    expires_at: datetime | None = None

    def may(self, scope: Scope) -> bool:
        """Whether ``scope`` is held, by itself or through a wider one.

        What only an ``admin`` may do reaches across projects: tokens, and endpoints that hear of
        every run. Who is limited to some projects may not.
        """
        if scope == "admin" and self.projects is not None:
            return False
        return any(scope in IMPLIED[held] for held in self.scopes)

    def sees(self, project: str) -> bool:
        """Whether the runs of ``project`` exist at all for this identity."""
        return self.projects is None or project in self.projects
