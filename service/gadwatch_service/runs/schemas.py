import math
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

RunId = Annotated[
    str, StringConstraints(pattern=r"^[A-Za-z0-9_][A-Za-z0-9._-]{0,63}$", strip_whitespace=False)
]
"""Chosen by the client: letters, digits, ``.``, ``_`` and ``-``, 64 at most."""

Label = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[^\x00]*$")]
Stage = Literal["warmup", "stage2"]
Ending = Literal["finished", "failed", "killed"]
Health = Literal["ok", "warning", "critical", "unknown"]
Verdict = Literal["ready", "not_ready", "insufficient_data"]
Status = Literal["running", "finished", "failed", "killed", "stalled"]
Overrides = dict[Label, dict[Label, Annotated[float, Field(strict=True, allow_inf_nan=False)]]]
Steps = Annotated[int, Field(ge=1, le=2**53, strict=True)]


class _Wish(BaseModel):
    model_config = ConfigDict(extra="forbid")


class NewRun(_Wish):
    """What a client says of a run it starts, or goes on with under the same ``id``."""

    id: RunId | None = None
    name: Label | None = None
    project: Label = "default"
    stage: Stage | None = None
    warmup_steps: Steps | None = None
    group: Label | None = None
    config: dict[str, Any] = {}
    tags: Annotated[list[Label], Field(max_length=100)] = []
    source: Literal["hook", "mlflow", "import", "api"] = "api"


class RunChange(_Wish):
    """What can be changed of a run; absent fields stay. ``config`` is merged key by key."""

    name: Label | None = None
    stage: Stage | None = None
    warmup_steps: Steps | None = None
    group: Label | None = None
    config: dict[str, Any] | None = None
    tags: Annotated[list[Label], Field(max_length=100)] | None = None
    overrides: Overrides | None = None


class StageChange(_Wish):
    """Go on in another stage, behind ``step``; without it, behind the newest step."""

    stage: Stage
    step: Annotated[int, Field(ge=0, le=2**53, strict=True)] | None = None


class Finish(_Wish):
    """How a run ended."""

    status: Ending = "finished"


def _no_nan(value: Any) -> Any:
    """JSON has no NaN: an absent value."""
    if isinstance(value, list):
        return [None if one is None or not math.isfinite(one) else one for one in value]
    return value


class RunOut(BaseModel):
    """A run in lists."""

    model_config = ConfigDict(from_attributes=True)

    id: str = Field(validation_alias="run_id")
    name: str
    project: str
    group: str | None = Field(validation_alias="group_name")
    tags: list[str]
    source: str
    created_at: datetime
    created_by: str
    warmup_steps: int | None
    status: str
    stage: str
    attempt: int
    pack: str
    health: str
    verdict: str
    verdict_since: int | None
    first_ready_step: int | None
    first_step: int | None
    last_step: int | None
    steps: int
    started_at: datetime | None
    finished_at: datetime | None
    last_seen_at: datetime | None
    open_findings: dict[str, int]
    latest: dict[str, float | str | None]
    sparkline: Annotated[list[float | None], BeforeValidator(_no_nan)]
    losses: dict[str, int]


class AttemptOut(BaseModel):
    """One way through the run: a resumed run that steps back opens a new attempt."""

    model_config = ConfigDict(from_attributes=True)

    attempt: int
    first_step: int | None
    last_step: int | None
    started_at: datetime
    stages: list[dict[str, Any]]


class RunDetail(RunOut):
    """A run with its configuration, thresholds of its own, metric names and attempts."""

    config: dict[str, Any]
    overrides: dict[str, dict[str, float]]
    metrics: list[str]
    attempts: list[AttemptOut] = []
    created: bool = False
    """Whether this very request made it."""


class RunPage(BaseModel):
    """A page of runs."""

    items: list[RunOut]
    next_cursor: str | None


class FindingPage(BaseModel):
    """A page of findings, the newest change first."""

    items: list[dict[str, Any]]
    next_cursor: str | None


class VerdictPage(BaseModel):
    """A page of verdict records, the newest first."""

    items: list[dict[str, Any]]
    next_cursor: str | None
