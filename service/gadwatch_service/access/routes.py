"""Default deny: every route carries a guard or stands on the list of public ones."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from fastapi.dependencies.models import Dependant
from fastapi.routing import iter_route_contexts
from starlette.routing import BaseRoute

from gadwatch_service.access.guard import Guard

PUBLIC_ROUTES: Final = frozenset({"/healthz", "/readyz", "/login", "/static"})
"""What anybody may ask for: whether the service lives, the login, and files that every
installation has alike."""


@dataclass(frozen=True, slots=True)
class GuardedRoute:
    """A path, its methods and what it asks for; no guard at all when ``scopes`` is None."""

    path: str
    methods: frozenset[str]
    scopes: tuple[str, ...] | None

    @property
    def public(self) -> bool:
        """Whether it is meant to answer anybody."""
        return self.path in PUBLIC_ROUTES


def is_public(path: str) -> bool:
    """Whether anybody may ask for ``path``."""
    return path in PUBLIC_ROUTES or path.startswith("/static/")


def guarded_routes(routes: Sequence[BaseRoute]) -> Iterator[GuardedRoute]:
    """Every route of an application, those of included routers and mounts among them."""
    for route in iter_route_contexts(routes):
        dependant: Dependant | None = getattr(route, "dependant", None)
        yield GuardedRoute(
            path=route.path or "",
            methods=frozenset(route.methods or {"GET"}),
            scopes=None if dependant is None else _scopes_of(dependant),
        )


def refuse_unguarded(routes: Sequence[BaseRoute]) -> None:
    """Raise :class:`RuntimeError` when a route would answer anybody without being meant to."""
    open_paths = sorted(
        route.path for route in guarded_routes(routes) if route.scopes is None and not route.public
    )
    if open_paths:
        raise RuntimeError(
            f"routes without a guard: {', '.join(open_paths)}; give their router "
            "`dependencies=[Depends(requires(…))]`"
        )


def _scopes_of(dependant: Dependant) -> tuple[str, ...] | None:
    """What the first guard among the dependencies asks for."""
    if isinstance(dependant.call, Guard):
        return dependant.call.scopes
    for inner in dependant.dependencies:
        scopes = _scopes_of(inner)
        if scopes is not None:
            return scopes
    return None
