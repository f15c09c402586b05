"""``/settings``: who you are, tokens, projects and what they keep."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse
from pydantic import ValidationError
from sqlalchemy.ext.asyncio import AsyncSession

from gadwatch_dashboards.pages import repository
from gadwatch_dashboards.pages.context import Page, back_to
from gadwatch_service.access import repository as tokens
from gadwatch_service.access import service
from gadwatch_service.access.guard import current_identity, requires
from gadwatch_service.access.identity import Identity
from gadwatch_service.access.schemas import NewToken, TokenId
from gadwatch_service.errors import Invalid
from gadwatch_service.store.database import get_session

reading = APIRouter(include_in_schema=False, dependencies=[Depends(requires("read"))])
managing = APIRouter(include_in_schema=False, dependencies=[Depends(requires("admin"))])
Database = Annotated[AsyncSession, Depends(get_session, scope="function")]
Asker = Annotated[Identity, Depends(current_identity)]
MOST_TOKENS = 200


@dataclass(frozen=True)
class SettingsPage:
    """What the template shows; ``secret`` is a new token's, shown once."""

    me: Identity
    may_admin: bool
    tokens: Sequence[Any]
    projects: Sequence[Any]
    secret: str = ""


@reading.get("/settings")
async def show_settings(request: Request, database: Database) -> HTMLResponse:
    """Tokens for those who manage them; retention for all."""
    page = Page(request, "settings")
    return page.answer("settings.html", page=await _facts(page, database))


@managing.post("/settings/tokens")
async def make_token(
    request: Request,
    database: Database,
    asker: Asker,
    name: Annotated[str, Form(max_length=100)],
    scope: Annotated[list[str] | None, Form()] = None,
    projects: Annotated[str, Form(max_length=2000)] = "",
) -> HTMLResponse:
    """Make a token; its secret is on the answer and nowhere else."""
    service.refuse_limited(asker)
    page = Page(request, "settings")
    named = [part.strip() for part in projects.split(",") if part.strip()]
    try:
        wish = NewToken.model_validate(
            {"name": name, "scopes": scope or [], "projects": named or None}
        )
    except ValidationError as error:
        fault = error.errors()[0]
        raise Invalid(f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}") from None
    issued = await service.issue_token(database, wish, asker.name, page.now)
    return page.answer(
        "settings.html", page=await _facts(page, database, issued.secret), status=201
    )


@managing.post("/settings/tokens/{token_id}/revoke")
async def revoke_token(
    token_id: TokenId, request: Request, database: Database, asker: Asker
) -> RedirectResponse:
    """End a token at once."""
    service.refuse_limited(asker)
    await service.revoke_token(database, token_id, request.app.state.now())
    request.app.state.authenticator.forget()
    return back_to("/settings")


async def _facts(page: Page, database: AsyncSession, secret: str = "") -> SettingsPage:
    manages = page.identity.may("admin") and page.identity.projects is None
    return SettingsPage(
        me=page.identity,
        may_admin=manages,
        tokens=await tokens.list_tokens(database, "", MOST_TOKENS) if manages else (),
        projects=await repository.project_settings(database, page.identity.projects),
        secret=secret,
    )
