from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Any, Final

from gadwatch_rules import Engine
from gadwatch_rules.pack import Overrides

SPARK: Final = 64
"""Most values of a sparkline."""


@dataclass(slots=True)
class StateRow:
    """A run's row of ``run_states``, field by field as in the table."""

    version: int
    status: str
    stage: str
    attempt: int
    pack: str
    engine_state: bytes | None
    replay_wanted: bool
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
    positions: dict[str, int] = field(init=False)

    def __post_init__(self) -> None:
        self.positions = {name: place for place, name in enumerate(self.metrics)}


def extend_sparkline(sparkline: list[float], before: int, values: list[float]) -> list[float]:
    """Add ``values`` behind the ``before`` steps that ``sparkline`` already stands for.

    It holds every n-th step, n the smallest power of two for which :data:`SPARK` values
    suffice; so it follows from the steps alone, in whatever batches they came.
    """
    stride = 1
    while (before + stride - 1) // stride > SPARK:
        stride *= 2
    kept = list(sparkline)
    for place, value in enumerate(values, before):
        if place % stride:
            continue
        if len(kept) == SPARK:
            kept = kept[::2]
            stride *= 2
        if place % stride == 0:
            kept.append(value)
    return kept
