from fnmatch import fnmatchcase
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field

from gadwatch_service.alerts.events import Event, Kind, Language, RunFacts, Severity
from gadwatch_service.alerts.hours import QuietHours

Pattern = Annotated[str, Field(min_length=1, max_length=200)]

GRADED: Final = frozenset({Kind.FINDING, Kind.STALLED})
"""The kinds whose severity counts; all others are told whatever it is."""


class Filters(BaseModel):
    """What an endpoint is told of. An absent field lets everything through."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    projects: tuple[Pattern, ...] | None = None
    """Shell patterns of project names."""
    runs: tuple[Pattern, ...] | None = None
    """Shell patterns of run ids or names."""
    severities: tuple[Severity, ...] | None = None
    """Of findings and stalled runs; all else has its kind instead."""
    kinds: tuple[Kind, ...] | None = None

    def match_run(self, run: RunFacts) -> bool:
        """Whether the endpoint hears of this run at all."""
        return _matches(self.projects, run.project) and (
            _matches(self.runs, run.run_id) or _matches(self.runs, run.name)
        )

    def match_event(self, event: Event) -> bool:
        """Whether the endpoint hears of events like this one."""
        if self.kinds is not None and event.kind not in self.kinds:
            return False
        graded = event.kind in GRADED
        return not graded or self.severities is None or event.severity in self.severities


def _matches(patterns: tuple[str, ...] | None, name: str) -> bool:
    return patterns is None or any(fnmatchcase(name, pattern) for pattern in patterns)


DEFAULT_FILTERS = Filters(severities=("warning", "critical"))
"""Of an endpoint made without filters: everything but notices, which no one need act on."""


class Policy(BaseModel):
    """How an endpoint is told. Times are seconds."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    lang: Language = "en"
    send_resolved: bool = True
    group_wait_s: Annotated[float, Field(ge=0, le=3600)] = 0
    """How long the first message about a run waits for company."""
    group_interval_s: Annotated[float, Field(ge=0, le=86400)] = 30
    """Further messages about a run gather for this long, unless they are graver or a verdict."""
    repeat_interval_s: Annotated[float, Field(ge=60, le=30 * 86400)] | None = 4 * 3600
    """How often a finding that goes on is told again; null: never."""
    quiet_hours: QuietHours | None = None
    max_per_minute: Annotated[int, Field(ge=1, le=6000)] | None = None
    """More than this is gathered into digests; null: as the kind of endpoint allows."""
