from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Any, Final

from gadwatch_rules import Engine, watched_metrics
from gadwatch_rules.pack import Overrides

WATCHED: Final = frozenset(watched_metrics())
"""The names of all metrics that any rule judges."""


@dataclass(slots=True)
class StateRow:
    """A run's row of ``run_states``, field by field as in the table."""

    version: int
    status: str
    stage: str
    attempt: int
    pack: str
    engine_state: bytes | None
    state_step: int | None
    replay_wanted: bool
    replays_asked: int
    seal_wanted: bool
    tail_rows: int
    first_step: int | None
    last_step: int | None
    steps: int
    started_at: datetime | None
    finished_at: datetime | None
    last_seen_at: datetime | None
    promised_until: datetime | None
    stall_due_at: datetime | None
    health: str
    verdict: str
    verdict_since: int | None
    first_ready_step: int | None
    open_findings: dict[str, Any]
    latest: dict[str, Any]
    sparkline: list[float]
    losses: dict[str, Any]
    session_losses: list[Any]

    def ask_replay(self) -> None:
        """Have the state derived anew from the stored steps."""
        self.replay_wanted = True
        self.replays_asked += 1


STATE_COLUMNS: Final = tuple(one.name for one in fields(StateRow))


@dataclass(slots=True)
class Attempt:
    """One way through the run; see the table ``attempts``."""

    attempt: int
    sessions: list[str]
    first_step: int | None
    last_step: int | None
    started_at: datetime
    stages: list[dict[str, Any]]


@dataclass(slots=True)
class JudgedRun:
    """Everything about a run that its writers need, valid while its row is at ``row.version``.

    ``positions`` leads from a metric's canonical name to its place in the stored arrays.
    """

    run_id: str
    project: str
    name: str
    warmup_steps: int | None
    overrides: Overrides
    metrics: list[str]
    percent: set[str]
    row: StateRow
    attempts: dict[int, Attempt]
    engine: Engine
    state: Any
    unsaved: int = 0
    """Steps that ``state`` has seen and the stored one has not."""
    positions: dict[str, int] = field(init=False)
    places: dict[str, int] = field(default_factory=dict)
    """The places of names as they were sent, aliases included, as far as they were seen."""
    watched: list[tuple[str, int]] = field(init=False)
    """Name and place of each metric that is judged."""

    def __post_init__(self) -> None:
        self.positions = {name: place for place, name in enumerate(self.metrics)}
        self.watched = [(name, place) for place, name in enumerate(self.metrics) if name in WATCHED]

    def add_metric(self, name: str) -> int:
        """Give a new metric its place in the catalogue."""
        place = len(self.metrics)
        self.metrics.append(name)
        self.positions[name] = place
        if name in WATCHED:
            self.watched.append((name, place))
        return place
