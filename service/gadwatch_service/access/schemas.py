from datetime import UTC, datetime
from typing import Annotated, Final

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints

from gadwatch_service.access.identity import Scope

_NO_CONTROL_CHARACTERS = r"^[^\x00-\x1f\x7f]+$"

Name = Annotated[
    str,
    StringConstraints(
        strip_whitespace=True, min_length=1, max_length=100, pattern=_NO_CONTROL_CHARACTERS
    ),
]

TokenId = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{12}$")]

_LAST: Final = datetime(9999, 1, 1, tzinfo=UTC)


def _readable(moment: datetime) -> datetime:
    # In another zone the last hours of the year 9999 are those of 10000: the database takes them
    # and gives them back, but Python cannot read them, nor any list that they are in.
    if moment > _LAST:
        raise ValueError("give a moment before the year 9999")
    return moment


End = Annotated[AwareDatetime, AfterValidator(_readable)]
"""When something ends, in any zone."""


class NewToken(BaseModel):
    """What a token is to be."""

    model_config = ConfigDict(extra="forbid")

    name: Name = Field(description="Who or what will hold it.")
    scopes: Annotated[list[Scope], Field(min_length=1, max_length=4)] = Field(
        description="What its holder may do."
    )
    projects: Annotated[list[Name], Field(min_length=1, max_length=100)] | None = Field(
        default=None, description="The only projects it may touch; all without this."
    )
    expires_at: End | None = Field(
        default=None, description="When it ends by itself; never without this."
    )


class Rotation(BaseModel):
    """How a token is replaced."""

    model_config = ConfigDict(extra="forbid")

    overlap_hours: Annotated[float, Field(ge=0, le=720)] = Field(
        default=24, description="How long the old token stays valid beside the new one."
    )


class TokenView(BaseModel):
    """What may be shown of a token."""

    token_id: str
    name: str
    scopes: list[str]
    projects: list[str] | None
    created_at: datetime
    created_by: str
    expires_at: datetime | None
    last_used_at: datetime | None
    revoked_at: datetime | None


class IssuedToken(TokenView):
    """A new token with its secret, which is shown this once."""

    token: str


class TokenPage(BaseModel):
    """Some tokens, in the order of their names for machines."""

    items: list[TokenView]
    next_cursor: str | None


class WhoAmI(BaseModel):
    """The identity behind a request."""

    token_id: str
    name: str
    scopes: list[str]
    projects: list[str] | None


class LoginLink(BaseModel):
    """An address that logs one browser in, once."""

    url: str
    expires_at: datetime
