from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    StringConstraints,
    model_validator,
)

from gadwatch_service.access.schemas import End
from gadwatch_service.alerts.adapters.registry import EndpointKind
from gadwatch_service.alerts.outbox.messages import Level
from gadwatch_service.alerts.routing import Filters, Policy

_PRINTABLE = r"^[^\x00-\x1f\x7f]+$"

Name = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=200, pattern=_PRINTABLE),
]
EndpointId = Annotated[str, StringConstraints(pattern=r"^ep_[0-9a-f]{12}$")]
SilenceId = Annotated[str, StringConstraints(pattern=r"^si_[0-9a-f]{12}$")]
DeliveryId = Annotated[str, StringConstraints(pattern=r"^msg_[0-9a-f]{24}$")]
Address = Annotated[SecretStr, Field(min_length=3, max_length=2000)]
Secret = Annotated[SecretStr, Field(min_length=8, max_length=500)]
State = Literal["pending", "delivered", "dead", "digested", "cancelled"]


class NewEndpoint(BaseModel):
    """A destination of alerts."""

    model_config = ConfigDict(extra="forbid")

    kind: EndpointKind
    name: Name
    url: Address = Field(
        description="The receiver's URL; for email the addresses, separated by commas."
    )
    secret: Secret | None = Field(
        default=None, description="The signing secret that Feishu or DingTalk gave out."
    )
    filters: Filters | None = Field(
        default=None,
        description="What it is told of; by default warnings and graver, and verdicts.",
    )
    policy: Policy = Policy()
    send_resolved: bool | None = Field(default=None, description="Short for that of `policy`.")


class EndpointChange(BaseModel):
    """What is to be different; absent fields stay."""

    model_config = ConfigDict(extra="forbid")

    name: Name | None = None
    url: Address | None = None
    secret: Secret | None = None
    filters: Filters | None = None
    policy: Policy | None = None
    enabled: bool | None = Field(
        default=None, description="true ends the disabling, whatever its reason was."
    )


class EndpointView(BaseModel):
    """What may be shown of an endpoint: not its address, not its secret."""

    model_config = ConfigDict(from_attributes=True)

    endpoint_id: str
    kind: str
    name: str
    address_hint: str
    has_secret: bool
    filters: Filters
    policy: Policy
    created_at: datetime
    created_by: str
    disabled_reason: str | None
    consecutive_failures: int
    paused_until: datetime | None


class CreatedEndpoint(EndpointView):
    """A new or rotated endpoint. ``secret`` is shown this once; null where we made none."""

    secret: str | None


class EndpointPage(BaseModel):
    """A list of endpoints."""

    items: list[EndpointView]
    next_cursor: str | None


class SecretRotation(BaseModel):
    """How a signing secret is replaced."""

    model_config = ConfigDict(extra="forbid")

    overlap_hours: Annotated[float, Field(ge=0, le=720)] = Field(
        default=24, description="How long messages carry a signature by the old secret, too."
    )


class TestOutcome(BaseModel):
    """What came of a test message."""

    __test__ = False

    delivery_id: str
    ok: bool
    status: int | None
    duration_ms: int
    detail: str


class NewSilence(BaseModel):
    """Findings that are not to be alerted for a while. At least one of the first three."""

    model_config = ConfigDict(extra="forbid")

    project: Name | None = None
    run_id: Name | None = None
    rule: Name | None = None
    hours: Annotated[float, Field(gt=0, le=24 * 90)] | None = None
    ends_at: End | None = None
    comment: Annotated[str, StringConstraints(max_length=1000)] = ""

    @model_validator(mode="after")
    def _names_something_and_ends(self) -> "NewSilence":
        if self.project is None and self.run_id is None and self.rule is None:
            raise ValueError("name a project, a run_id or a rule: silencing everything is refused")
        if (self.hours is None) == (self.ends_at is None):
            raise ValueError("give either hours or ends_at")
        return self


class SilenceView(BaseModel):
    """A silence, its author and its end."""

    model_config = ConfigDict(from_attributes=True)

    silence_id: str
    project: str | None
    run_id: str | None
    rule: str | None
    comment: str
    created_by: str
    created_at: datetime
    ends_at: datetime


class SilencePage(BaseModel):
    """A list of silences."""

    items: list[SilenceView]
    next_cursor: str | None


class AttemptView(BaseModel):
    """One sending of a delivery."""

    model_config = ConfigDict(from_attributes=True)

    number: int
    at: datetime
    ok: bool
    status: int | None
    duration_ms: int
    detail: str


class DeliveryView(BaseModel):
    """One message to one endpoint. ``run_id`` is null for digests and tests."""

    delivery_id: str
    run_id: str | None
    endpoint_id: str
    endpoint: str | None
    reason: str
    state: State
    title: str
    created_at: datetime
    due_at: datetime | None
    attempts: int
    finished_at: datetime | None
    digest_id: str | None


class DeliveryDetail(DeliveryView):
    """A delivery with its message and every attempt."""

    payload: dict[str, Any]
    log: list[AttemptView]


class DeliveryPage(BaseModel):
    """A page of the delivery log, the newest first."""

    items: list[DeliveryView]
    next_cursor: str | None


class NewMessage(BaseModel):
    """The trainer's own words to whoever is told of its run."""

    model_config = ConfigDict(extra="forbid")

    title: Annotated[
        str,
        StringConstraints(min_length=1, max_length=300, pattern=r"^[^\x00]*[^\x00\s][^\x00]*$"),
    ]
    text: Annotated[str, StringConstraints(max_length=10_000, pattern=r"^[^\x00]*$")] = ""
    level: Level = "warning"
    step: Annotated[int, Field(ge=0, le=2**53, strict=True)] | None = Field(
        default=None, description="By default the run's newest."
    )
    id: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,64}$")] | None = Field(
        default=None, description="One that comes again within a day is not told again."
    )


class TakenMessage(BaseModel):
    """A message that was taken; the log of deliveries says what became of it."""

    id: str


class Acknowledgement(BaseModel):
    """Which firing findings somebody takes care of; without fields all of the run's."""

    model_config = ConfigDict(extra="forbid")

    rule: Name | None = None
    metric: Name | None = None


class Acknowledged(BaseModel):
    """How many findings were acknowledged: they are not told again unless they become graver."""

    acknowledged: int


class TakenBack(BaseModel):
    """How many acknowledgements were taken back: these findings are repeated again."""

    taken_back: int
