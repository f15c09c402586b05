"""The login page: a token, or a one-time link, against a browser session."""

from datetime import timedelta
from pathlib import Path
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Form, Query, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from jinja2 import Environment, FileSystemLoader
from sqlalchemy.ext.asyncio import AsyncSession

from gadwatch_service.access import service
from gadwatch_service.access.authenticator import Authenticator
from gadwatch_service.access.browser import check_origin
from gadwatch_service.access.credentials import SESSION_COOKIE, Credential
from gadwatch_service.access.errors import TooManyAttempts, Unauthenticated
from gadwatch_service.access.guard import address_of, requires
from gadwatch_service.access.identity import SCOPES
from gadwatch_service.settings import Settings
from gadwatch_service.store.database import get_session

Database = Annotated[AsyncSession, Depends(get_session, scope="function")]

public = APIRouter(include_in_schema=False)
guarded = APIRouter(include_in_schema=False, dependencies=[Depends(requires(*SCOPES))])

_templates: Final = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"), autoescape=True
)
_NEXT_MAX: Final = 2000


@public.get("/login")
async def show_login(
    request: Request,
    database: Database,
    code: Annotated[str | None, Query(max_length=100)] = None,
    next: Annotated[str, Query(max_length=_NEXT_MAX)] = "/",  # noqa: A002 - the address' own word
) -> Response:
    """The form; or, with a one-time code, straight into the session it stands for."""
    if code is None or "prefetch" in request.headers.get("sec-purpose", ""):
        return _page(next)
    authenticator: Authenticator = request.app.state.authenticator
    authenticator.refuse_if_blocked(address_of(request))
    token_id = await service.redeem_login_code(database, code, request.app.state.now())
    if token_id is None:
        authenticator.note_failure(address_of(request))
        return _page(next, "This link was used or has expired: log in with a token.", 401)
    return await _logged_in(request, database, token_id, next)


@public.post("/login")
async def log_in(
    request: Request,
    database: Database,
    token: Annotated[str, Form(max_length=200)] = "",
    next: Annotated[str, Form(max_length=_NEXT_MAX)] = "/",  # noqa: A002 - the form's own word
) -> Response:
    """Exchange a token for a session cookie."""
    check_origin(request)
    authenticator: Authenticator = request.app.state.authenticator
    try:
        identity = await authenticator.identify(
            Credential("token", token.strip()), address_of(request)
        )
    except (Unauthenticated, TooManyAttempts) as error:
        return _page(next, error.detail, error.status, error.headers.get("Retry-After"))
    return await _logged_in(request, database, identity.token_id, next)


@guarded.post("/logout")
async def log_out(request: Request, database: Database) -> Response:
    """End the browser's session."""
    await service.close_browser_session(
        database, request.cookies.get(SESSION_COOKIE, ""), request.app.state.now()
    )
    request.app.state.authenticator.forget()
    response = RedirectResponse("/login", status_code=303)
    response.delete_cookie(SESSION_COOKIE, path="/")
    return response


def local_path(target: str) -> str:
    """``target`` when it leads to a page of this service, else the front page."""
    # Browsers read "\\" as "/", skip tabs and newlines, and take "//host" for another site.
    plain = target.replace("\\", "/")
    ours = plain.startswith("/") and not plain.startswith("//") and target.isprintable()
    return target if ours else "/"


async def _logged_in(
    request: Request, database: AsyncSession, token_id: str, target: str
) -> Response:
    settings: Settings = request.app.state.settings
    life = timedelta(hours=settings.session_hours)
    cookie = await service.open_browser_session(database, token_id, life, request.app.state.now())
    response = RedirectResponse(local_path(target), status_code=303)
    # Lax, not Strict: with Strict the links in alerts would always end at the login page.
    # Changing requests are protected by origin and form token, not by this attribute.
    response.set_cookie(
        SESSION_COOKIE,
        cookie,
        max_age=int(life.total_seconds()),
        path="/",
        secure=settings.base_url.startswith("https://"),
        httponly=True,
        samesite="lax",
    )
    return response


def _page(
    target: str, problem: str = "", status: int = 200, retry_after: str | None = None
) -> Response:
    html = _templates.get_template("login.html").render(next=local_path(target), problem=problem)
    headers = {"Cache-Control": "no-store"}
    if retry_after is not None:
        headers["Retry-After"] = retry_after
    return HTMLResponse(html, status_code=status, headers=headers)
