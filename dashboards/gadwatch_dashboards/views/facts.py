"""What the pages know of a run, as plain facts; made from the store at the edge."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


@dataclass(frozen=True)
class RunFacts:
    """A run as the lists and the run's page need it."""

    run_id: str
    project: str
    name: str
    stage: str
    status: str
    health: str
    verdict: str
    created_at: datetime
    group: str | None = None
    attempt: int = 1
    pack: str = ""
    verdict_since: int | None = None
    first_ready_step: int | None = None
    first_step: int | None = None
    last_step: int | None = None
    steps: int = 0
    warmup_steps: int | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    last_seen_at: datetime | None = None
    latest: Mapping[str, Any] = field(default_factory=dict)
    sparkline: Sequence[float | None] = ()
    open_findings: Mapping[str, int] = field(default_factory=dict)
    tags: Sequence[str] = ()
    losses: Mapping[str, Any] = field(default_factory=dict)
    config: Mapping[str, Any] = field(default_factory=dict)
    metrics: Sequence[str] = ()
    source: str = ""
