"""REST for tokens: ``/api/v1/tokens``, ``/api/v1/me``, ``/api/v1/login-links``."""

from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from sqlalchemy.ext.asyncio import AsyncSession

from gadwatch_service.access import repository, service
from gadwatch_service.access.guard import current_identity, requires
from gadwatch_service.access.identity import SCOPES, Identity
from gadwatch_service.access.schemas import (
    IssuedToken,
    LoginLink,
    NewToken,
    Rotation,
    TokenId,
    TokenPage,
    TokenView,
    WhoAmI,
)
from gadwatch_service.store.database import get_session
from gadwatch_service.store.tables import Token

Database = Annotated[AsyncSession, Depends(get_session, scope="function")]
Asker = Annotated[Identity, Depends(current_identity)]

tokens = APIRouter(prefix="/tokens", tags=["tokens"], dependencies=[Depends(requires("admin"))])
myself = APIRouter(tags=["tokens"], dependencies=[Depends(requires(*SCOPES))])


@tokens.post("", status_code=201)
async def create_token(
    wish: NewToken, request: Request, database: Database, asker: Asker
) -> IssuedToken:
    """Make a token; the answer shows its secret this once."""
    return _issued(await service.issue_token(database, wish, asker.name, request.app.state.now()))


@tokens.get("")
async def list_tokens(
    database: Database,
    cursor: Annotated[str, Query(pattern=r"^[0-9a-f]{0,12}$")] = "",
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> TokenPage:
    """All tokens, revoked ones too, without their secrets."""
    rows = await repository.list_tokens(database, cursor, limit + 1)
    items = [_view(row) for row in rows[:limit]]
    return TokenPage(items=items, next_cursor=items[-1].token_id if len(rows) > limit else None)


@tokens.delete("/{token_id}", status_code=204)
async def revoke_token(
    token_id: Annotated[TokenId, Path()], request: Request, database: Database
) -> Response:
    """End a token at once, and with it the browsers that it had logged in."""
    await service.revoke_token(database, token_id, request.app.state.now())
    request.app.state.authenticator.forget()
    return Response(status_code=204)


@tokens.post("/{token_id}/rotate", status_code=201)
async def rotate_token(
    token_id: Annotated[TokenId, Path()],
    rotation: Rotation,
    request: Request,
    database: Database,
    asker: Asker,
) -> IssuedToken:
    """Replace a token by one with the same rights; the old one stays valid for the overlap."""
    overlap = timedelta(hours=rotation.overlap_hours)
    issued = await service.rotate_token(
        database, token_id, overlap, asker.name, request.app.state.now()
    )
    request.app.state.authenticator.forget()
    return _issued(issued)


@myself.get("/me")
async def who_am_i(asker: Asker) -> WhoAmI:
    """Which token this is and what it may do."""
    return WhoAmI(
        token_id=asker.token_id,
        name=asker.name,
        scopes=sorted(asker.scopes),
        projects=None if asker.projects is None else sorted(asker.projects),
    )


@myself.post("/login-links", status_code=201)
async def create_login_link(request: Request, database: Database, asker: Asker) -> LoginLink:
    """An address that logs one browser in with this token's rights, once, within 15 minutes."""
    moment = request.app.state.now()
    base = request.app.state.settings.public_url or str(request.base_url).rstrip("/")
    code = await service.issue_login_code(database, asker.token_id, moment)
    return LoginLink(
        url=f"{base}/login?code={code}",
        expires_at=moment + service.LOGIN_CODE_LIFE,
    )


def _view(token: Token) -> TokenView:
    return TokenView.model_validate(token, from_attributes=True)


def _issued(issued: service.Issued) -> IssuedToken:
    return IssuedToken(**_view(issued.token).model_dump(), token=issued.secret)
