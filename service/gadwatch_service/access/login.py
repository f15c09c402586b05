"""The login page: a token, or a one-time link, against a browser session."""

import tomllib
from datetime import timedelta
from functools import cache
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
from gadwatch_service.reader import LANG_COOKIE, language_of, remember, theme_of
from gadwatch_service.settings import Settings
from gadwatch_service.store.database import get_session

Database = Annotated[AsyncSession, Depends(get_session, scope="function")]

public = APIRouter(include_in_schema=False)
guarded = APIRouter(include_in_schema=False, dependencies=[Depends(requires(*SCOPES))])

_HERE: Final = Path(__file__).parent
_templates: Final = Environment(loader=FileSystemLoader(_HERE / "templates"), autoescape=True)
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
        return _page(request, next)
    authenticator: Authenticator = request.app.state.authenticator
    authenticator.refuse_if_blocked(address_of(request))
    token_id = await service.redeem_login_code(database, code, request.app.state.now())
    if token_id is None:
        authenticator.note_failure(address_of(request))
        return _page(request, next, "used", 401)
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
    except Unauthenticated as error:
        return _page(request, next, "wrong", error.status)
    except TooManyAttempts as error:
        wait = error.headers["Retry-After"]
        return _page(request, next, "too_many", error.status, wait)
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
        # The proxy may say so where nobody has told the public address.
        secure=settings.base_url.startswith("https://") or request.url.scheme == "https",
        httponly=True,
        samesite="lax",
    )
    return response


def _page(
    request: Request,
    target: str,
    problem: str = "",
    status: int = 200,
    retry_after: str | None = None,
) -> Response:
    lang = language_of(request)
    texts = _texts()[lang]
    html = _templates.get_template("login.html").render(
        lang=lang,
        theme=theme_of(request),
        t=texts,
        next=local_path(target),
        problem=texts[problem].format(seconds=retry_after) if problem else "",
    )
    headers = {"Cache-Control": "no-store", "Vary": "Accept-Language"}
    if retry_after is not None:
        headers["Retry-After"] = retry_after
    response = HTMLResponse(html, status_code=status, headers=headers)
    if request.query_params.get("lang") == lang:
        remember(response, LANG_COOKIE, lang)
    return response


@cache
def _texts() -> dict[str, dict[str, str]]:
    """The page's words by language."""
    return tomllib.loads((_HERE / "login_texts.toml").read_text("utf-8"))
