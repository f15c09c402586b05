from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class RunView:
    """A run and where it stands: the columns of ``runs`` and ``run_states`` side by side.

    ``latest`` holds the newest value of each watched metric, non-finite ones as strings;
    ``sparkline`` may hold NaN. The last three fields are empty in lists.
    """

    run_id: str
    project: str
    name: str
    group_name: str | None
    created_at: datetime
    created_by: str
    warmup_steps: int | None
    tags: Sequence[str]
    source: str
    overrides_changed_by: str | None
    overrides_changed_at: datetime | None
    version: int
    status: str
    stage: str
    attempt: int
    pack: str
    first_step: int | None
    last_step: int | None
    steps: int
    started_at: datetime | None
    finished_at: datetime | None
    last_seen_at: datetime | None
    promised_until: datetime | None
    health: str
    verdict: str
    verdict_since: int | None
    first_ready_step: int | None
    open_findings: dict[str, int]
    latest: dict[str, Any]
    sparkline: Sequence[float]
    losses: dict[str, int]
    metrics: Sequence[str] = ()
    config: dict[str, Any] = field(default_factory=dict)
    overrides: dict[str, dict[str, float]] = field(default_factory=dict)
