from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Double, Index, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from gadwatch_service.store.tables.base import Base


class Finding(Base):
    """One episode of one rule on one metric of a run, from pending to resolved."""

    __tablename__ = "findings"

    run_id: Mapped[str] = mapped_column(Text, primary_key=True)
    attempt: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    rule: Mapped[str] = mapped_column(Text, primary_key=True)
    metric: Mapped[str] = mapped_column(Text, primary_key=True)
    first_step: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    severity: Mapped[str] = mapped_column(Text)
    state: Mapped[str] = mapped_column(Text)
    last_step: Mapped[int] = mapped_column(BigInteger)
    value: Mapped[float | None] = mapped_column(Double)
    limit: Mapped[str] = mapped_column(Text)
    reason: Mapped[str] = mapped_column(Text)
    """The text's id; the sentence is made for the reader's language when it is read."""
    facts: Mapped[dict[str, Any]]
    """What the sentence quotes."""
    first_seen_at: Mapped[datetime]
    changed_at: Mapped[datetime]
    acknowledged_by: Mapped[str | None] = mapped_column(Text)
    acknowledged_at: Mapped[datetime | None]

    __table_args__ = (
        Index(None, "changed_at", "run_id"),
        Index("ix_findings_open", "run_id", postgresql_where=text("state <> 'resolved'")),
    )


class VerdictRecord(Base):
    """A change of the verdict, never altered afterwards."""

    __tablename__ = "verdicts"

    run_id: Mapped[str] = mapped_column(Text, primary_key=True)
    attempt: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    number: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    step: Mapped[int] = mapped_column(BigInteger)
    verdict: Mapped[str] = mapped_column(Text)
    clauses: Mapped[list[Any]]
    pack: Mapped[str] = mapped_column(Text)
    recorded_at: Mapped[datetime]
