"""``/settings``: who you are, tokens, projects and what they keep."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse
from pydantic import ValidationError
from sqlalchemy.ext.asyncio import AsyncSession

from gadwatch_dashboards.pages import repository
from gadwatch_dashboards.pages.context import Page, back_to
from gadwatch_dashboards.pages.forms import refusal
from gadwatch_dashboards.views.projects import ProjectRow, project_row
from gadwatch_service.access import repository as tokens
from gadwatch_service.access import service
from gadwatch_service.access.guard import current_identity, requires
from gadwatch_service.access.identity import Identity
from gadwatch_service.access.schemas import NewToken, TokenId
from gadwatch_service.runs.projects import ProjectChange, Retention, change_project
from gadwatch_service.runs.schemas import Label
from gadwatch_service.store.database import get_session
from gadwatch_service.store.tables import Token

reading = APIRouter(include_in_schema=False, dependencies=[Depends(requires("read"))])
writing = APIRouter(include_in_schema=False, dependencies=[Depends(requires("write"))])
managing = APIRouter(include_in_schema=False, dependencies=[Depends(requires("admin"))])
Database = Annotated[AsyncSession, Depends(get_session, scope="function")]
Asker = Annotated[Identity, Depends(current_identity)]
Number = Annotated[str, Form(max_length=10)]
MOST_TOKENS = 200


@dataclass(frozen=True)
class TokenRow:
    """A token and when it ends; one that is replaced works until its overlap is over."""

    token: Token
    ends_at: datetime | None
    revoked: bool


@dataclass(frozen=True)
class SettingsPage:
    """What the template shows; ``secret`` is a new token's, shown once."""

    me: Identity
    may_write: bool
    may_admin: bool
    tokens: Sequence[TokenRow]
    projects: Sequence[ProjectRow]
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
    page = Page(request, "settings")
    named = [part.strip() for part in projects.split(",") if part.strip()]
    try:
        wish = NewToken.model_validate(
            {"name": name, "scopes": scope or [], "projects": named or None}
        )
    except ValidationError as error:
        raise refusal(error) from None
    issued = await service.issue_token(database, wish, asker.name, page.now)
    return page.answer(
        "settings.html", page=await _facts(page, database, issued.secret), status=201
    )


@managing.post("/settings/tokens/{token_id}/revoke")
async def revoke_token(token_id: TokenId, request: Request, database: Database) -> RedirectResponse:
    """End a token at once."""
    await service.revoke_token(database, token_id, request.app.state.now())
    request.app.state.authenticator.forget()
    return back_to("/settings")


@writing.post("/settings/retention")
async def change_retention(
    request: Request,
    database: Database,
    asker: Asker,
    project: Annotated[Label, Form()],
    max_age_days: Number = "",
    thin_after_days: Number = "",
    keep_every: Number = "",
) -> RedirectResponse:
    """Change what a project keeps; empty fields go back to keeping everything."""
    typed = {
        "max_age_days": max_age_days,
        "thin_after_days": thin_after_days,
        "keep_every": keep_every,
    }
    try:
        wish = Retention.model_validate_strings(
            {name: text.strip() for name, text in typed.items() if text.strip()}
        )
    except ValidationError as error:
        raise refusal(error) from None
    await change_project(project, ProjectChange(retention=wish), request, database, asker)
    texts = Page(request, "settings").texts
    return back_to("/settings", texts("settings.saved", project=project))


async def _facts(page: Page, database: AsyncSession, secret: str = "") -> SettingsPage:
    manages = page.identity.may("admin")
    return SettingsPage(
        me=page.identity,
        may_write=page.identity.may("write"),
        may_admin=manages,
        tokens=[
            token_row(one, page.now)
            for one in (await tokens.list_tokens(database, "", MOST_TOKENS) if manages else ())
        ],
        projects=[
            project_row(one, page.texts)
            for one in await repository.project_settings(database, page.identity.projects)
        ],
        secret=secret,
    )


def token_row(token: Token, now: datetime) -> TokenRow:
    """A token as it stands now."""
    ends = [moment for moment in (token.expires_at, token.revoked_at) if moment is not None]
    return TokenRow(
        token=token,
        ends_at=min(ends, default=None),
        revoked=token.revoked_at is not None and token.revoked_at <= now,
    )
