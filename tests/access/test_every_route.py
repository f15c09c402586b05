"""Nobody gets anywhere without right: every route of the assembled application is asked."""

import re
from itertools import product
from typing import Any

import httpx2
import pytest
from fastapi import APIRouter, FastAPI

from gadwatch_dashboards import install
from gadwatch_service.access.identity import SCOPES, Identity
from gadwatch_service.access.routes import (
    PUBLIC_ROUTES,
    GuardedRoute,
    guarded_routes,
    refuse_unguarded,
)
from gadwatch_service.app import create_app
from gadwatch_service.settings import Settings

pytestmark = pytest.mark.anyio


def _path(route: GuardedRoute) -> str:
    """A concrete address of the route; what it names need not exist."""
    return re.sub(r"\{[^}]*\}", "x1", route.path) or "/"


HOLDERS = {scope: Identity("t", scope, frozenset({scope})) for scope in SCOPES} | {
    "admin of a project": Identity("t", "l", frozenset({"admin"}), frozenset({"gad-7b"}))
}


def _insufficient(route: GuardedRoute) -> list[str]:
    """Who may not open the route."""
    assert route.scopes is not None
    wanted = route.scopes
    return [
        name for name, holder in HOLDERS.items() if not any(holder.may(scope) for scope in wanted)
    ]


def _wish(holder: Identity) -> dict[str, Any]:
    """The token that makes somebody of ``holder``."""
    projects = None if holder.projects is None else list(holder.projects)
    return {"name": holder.name, "scopes": list(holder.scopes), "projects": projects}


async def test_no_route_answers_without_a_token_or_with_too_weak_a_one(settings: Settings) -> None:
    app = create_app(settings, [install])
    routes = list(guarded_routes(app.routes))
    asked = 0
    async with app.router.lifespan_context(app):
        transport = httpx2.ASGITransport(app=app)
        async with httpx2.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            owner = {"Authorization": f"Bearer {settings.owner_token_path.read_text().strip()}"}
            tokens = {
                name: (
                    await client.post("/api/v1/tokens", json=_wish(holder), headers=owner)
                ).json()["token"]
                for name, holder in HOLDERS.items()
            }
            for route in routes:
                if route.public:
                    continue
                for method in sorted(route.methods):
                    bare = await client.request(method, _path(route))
                    assert bare.status_code == 401, (method, route.path)
                    for name in _insufficient(route):
                        headers = {"Authorization": f"Bearer {tokens[name]}"}
                        weak = await client.request(method, _path(route), headers=headers)
                        assert weak.status_code == 403, (method, route.path, name)
                    asked += 1
    assert asked > 50


async def test_no_route_changes_anything_by_a_session_alone(settings: Settings) -> None:
    app = create_app(settings, [install])
    ours = {"Origin": "http://127.0.0.1"}
    asked = 0
    async with app.router.lifespan_context(app):
        transport = httpx2.ASGITransport(app=app)
        async with httpx2.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            form = {"token": settings.owner_token_path.read_text().strip()}
            assert (await client.post("/login", data=form, headers=ours)).status_code == 303
            for route in guarded_routes(app.routes):
                for method in sorted(route.methods - {"GET", "HEAD"} if not route.public else ()):
                    answer = await client.request(method, _path(route), headers=ours)
                    assert answer.status_code == 403, (method, route.path)
                    asked += 1
    assert asked > 20


@pytest.mark.parametrize("name", ["a%00b", "a" * 5000, "%C3%A4" * 99, "%F0%9F%98%80", "x%0A"])
async def test_a_name_that_no_file_can_have_is_not_found_by_a_stranger(
    settings: Settings, name: str
) -> None:
    transport = httpx2.ASGITransport(app=create_app(settings, [install]))
    async with httpx2.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        assert (await client.get(f"/static/{name}")).status_code == 404


async def test_only_the_listed_paths_are_public(settings: Settings) -> None:
    app = create_app(settings, [install])
    open_paths = {route.path for route in guarded_routes(app.routes) if route.scopes is None}
    assert open_paths <= PUBLIC_ROUTES


def test_an_application_with_an_open_route_does_not_start() -> None:
    app = FastAPI(openapi_url=None)
    inner = APIRouter()

    @inner.get("/secrets")
    def show() -> str:
        return "secret"

    outer = APIRouter(prefix="/deep")
    outer.include_router(inner)
    app.include_router(outer)
    with pytest.raises(RuntimeError, match="/deep/secrets"):
        refuse_unguarded(app.routes)


def test_a_mounted_application_counts_as_open() -> None:
    app = FastAPI(openapi_url=None)
    app.mount("/other", FastAPI())
    with pytest.raises(RuntimeError, match="/other"):
        refuse_unguarded(app.routes)


@pytest.mark.parametrize(("held", "wanted"), list(product(SCOPES, SCOPES)))
def test_what_each_scope_opens(held: str, wanted: str) -> None:
    opens = {
        "ingest": {"ingest"},
        "read": {"read"},
        "write": {"read", "write"},
        "admin": {"ingest", "read", "write", "admin"},
    }
    identity = Identity("t", "t", frozenset({held}))  # type: ignore[arg-type]
    assert identity.may(wanted) == (wanted in opens[held])  # type: ignore[arg-type]


def test_what_reaches_across_projects_is_closed_to_who_is_limited_to_some() -> None:
    limited = HOLDERS["admin of a project"]
    assert [scope for scope in SCOPES if limited.may(scope)] == ["ingest", "read", "write"]
