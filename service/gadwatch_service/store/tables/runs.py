from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Index, LargeBinary, Text, text
from sqlalchemy.dialects.postgresql import ARRAY, DOUBLE_PRECISION
from sqlalchemy.orm import Mapped, mapped_column

from gadwatch_service.store.tables.base import Base


class Project(Base):
    """Settings that a project's runs share: thresholds and retention. Small, shared."""

    __tablename__ = "projects"

    name: Mapped[str] = mapped_column(Text, primary_key=True)
    overrides: Mapped[dict[str, Any]]
    """``{rule id: {threshold: value}}`` laid over the packs."""
    overrides_changed_by: Mapped[str | None] = mapped_column(Text)
    overrides_changed_at: Mapped[datetime | None]
    retention: Mapped[dict[str, Any]]
    """``{"max_age_days": 90}`` and/or ``{"keep_every": 4}``; empty keeps everything."""


class Run(Base):
    """Who a run is. Changes seldom; what changes with each step is in :class:`RunState`."""

    __tablename__ = "runs"

    run_id: Mapped[str] = mapped_column(Text, primary_key=True)
    """Chosen by the client or 16 random hex digits; ``[A-Za-z0-9._-]``, 64 at most."""
    project: Mapped[str] = mapped_column(Text)
    name: Mapped[str] = mapped_column(Text)
    group_name: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime]
    created_by: Mapped[str] = mapped_column(Text)
    warmup_steps: Mapped[int | None] = mapped_column(BigInteger)
    config: Mapped[dict[str, Any]]
    tags: Mapped[list[str]] = mapped_column(ARRAY(Text))
    source: Mapped[str] = mapped_column(Text)
    """The way in: ``hook``, ``mlflow``, ``import`` or ``api``."""
    overrides: Mapped[dict[str, Any]]
    """Thresholds of this run alone, laid over the project's."""
    overrides_changed_by: Mapped[str | None] = mapped_column(Text)
    overrides_changed_at: Mapped[datetime | None]
    metrics: Mapped[list[str]] = mapped_column(ARRAY(Text))
    """The run's metric catalogue: position n names element n of every ``values`` array."""
    percent: Mapped[list[str]] = mapped_column(ARRAY(Text))
    """The metrics that this run logs as percent; they are stored as fractions."""

    __table_args__ = (
        Index(None, "project", "created_at", "run_id"),
        Index(None, "created_at", "run_id"),
    )


class RunState(Base):
    """Where a run stands after its newest step; one row a run, locked by every ingest.

    Its row lock serialises all writers of the run.
    """

    __tablename__ = "run_states"
    # Room for updates on the same page: this row changes with every batch.
    __table_args__ = (
        Index(None, "stall_due_at", postgresql_where=text("stall_due_at IS NOT NULL")),
        Index(
            "ix_run_states_work", "run_id", postgresql_where=text("seal_wanted OR replay_wanted")
        ),
        {"postgresql_with": {"fillfactor": "70"}},
    )

    run_id: Mapped[str] = mapped_column(Text, primary_key=True)
    version: Mapped[int] = mapped_column(BigInteger)
    """Counts the changes of this row; a cached engine state is valid for one version."""
    status: Mapped[str] = mapped_column(Text)
    """``running``, ``finished``, ``failed``, ``killed`` or ``stalled``."""
    stage: Mapped[str] = mapped_column(Text)
    attempt: Mapped[int] = mapped_column(BigInteger)
    """The newest attempt; its series is the judged one."""
    pack: Mapped[str] = mapped_column(Text)
    """``name@version`` of the pack that judged last."""
    engine_state: Mapped[bytes | None] = mapped_column(LargeBinary)
    state_step: Mapped[int | None] = mapped_column(BigInteger)
    """The newest step that ``engine_state`` has seen; later ones are folded when it is loaded."""
    replay_wanted: Mapped[bool]
    """Steps came late or rules changed: the state must be derived anew from the store."""
    replays_asked: Mapped[int] = mapped_column(BigInteger)
    """How often a replay was asked for: one that runs sees whether it was asked for again."""
    seal_wanted: Mapped[bool]
    """Enough steps have gathered in the tail to be sealed into blocks."""
    tail_rows: Mapped[int] = mapped_column(BigInteger)
    """How many steps of the run are in the tail, all attempts together."""
    first_step: Mapped[int | None] = mapped_column(BigInteger)
    last_step: Mapped[int | None] = mapped_column(BigInteger)
    steps: Mapped[int] = mapped_column(BigInteger)
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    last_seen_at: Mapped[datetime | None]
    """When the service last heard of the run (its own clock)."""
    promised_until: Mapped[datetime | None]
    """Until when the trainer said that it may be silent."""
    stall_due_at: Mapped[datetime | None]
    """When to look whether silence has become a finding; NULL once the run has ended.

    Moved on by the one who looks, not by every step, so that steps touch no index."""
    health: Mapped[str] = mapped_column(Text)
    verdict: Mapped[str] = mapped_column(Text)
    verdict_since: Mapped[int | None] = mapped_column(BigInteger)
    first_ready_step: Mapped[int | None] = mapped_column(BigInteger)
    open_findings: Mapped[dict[str, Any]]
    """``{"critical": 1, "warning": 2, …}``: firing findings by severity."""
    latest: Mapped[dict[str, Any]]
    """The newest value of each watched metric; non-finite ones as strings."""
    sparkline: Mapped[list[float]] = mapped_column(ARRAY(DOUBLE_PRECISION))
    """At most 64 values of the run's leading metric over its whole length."""
    losses: Mapped[dict[str, Any]]
    """Steps that the hook or the service had to drop, counted by reason."""
    session_losses: Mapped[list[Any]]
    """What each of the newest reporting sessions has dropped: ``[["session", {"reason": 3}], …]``;
    each is already counted in ``losses``."""


class Attempt(Base):
    """One way through a run: a resumed run that steps back opens a new one."""

    __tablename__ = "attempts"

    run_id: Mapped[str] = mapped_column(Text, primary_key=True)
    attempt: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    sessions: Mapped[list[str]] = mapped_column(ARRAY(Text))
    """The hook's random names for the processes that wrote it; empty for other ways in."""
    first_step: Mapped[int | None] = mapped_column(BigInteger)
    last_step: Mapped[int | None] = mapped_column(BigInteger)
    """Kept when the next attempt begins; the newest attempt's is in :class:`RunState`."""
    started_at: Mapped[datetime]
    stages: Mapped[list[Any]]
    """Its stages in order: ``[{"stage": "warmup", "step": null, "at": "…"}, …]``; ``step`` is the
    last one before the change, null at the start of the attempt."""
