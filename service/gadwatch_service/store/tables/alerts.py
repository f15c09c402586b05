from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Boolean, Index, Integer, LargeBinary, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from gadwatch_service.store.tables.base import Base


class Endpoint(Base):
    """Where alerts go. Small, shared; its address and secrets are encrypted at rest."""

    __tablename__ = "endpoints"

    endpoint_id: Mapped[str] = mapped_column(Text, primary_key=True)
    kind: Mapped[str] = mapped_column(Text)
    name: Mapped[str] = mapped_column(Text, unique=True)
    address: Mapped[bytes] = mapped_column(LargeBinary)
    """The URL (or e-mail address), encrypted: a Slack URL is itself a secret."""
    address_hint: Mapped[str] = mapped_column(Text)
    """What may be shown of it: scheme and host."""
    secrets: Mapped[bytes | None] = mapped_column(LargeBinary)
    filters: Mapped[dict[str, Any]]
    """``{projects, runs, severities, kinds}``; an absent key lets everything through."""
    policy: Mapped[dict[str, Any]]
    """How it is told; see :class:`gadwatch_service.alerts.routing.Policy`."""
    created_at: Mapped[datetime]
    created_by: Mapped[str] = mapped_column(Text)
    disabled_reason: Mapped[str | None] = mapped_column(Text)
    consecutive_failures: Mapped[int] = mapped_column(Integer)
    paused_until: Mapped[datetime | None]
    """The circuit breaker: nothing is sent before this moment."""
    next_slot_at: Mapped[datetime | None]
    """The rate limit's clock: when the endpoint's whole allowance is free again."""


class Silence(Base):
    """Findings that match are not alerted until it ends. Small, shared."""

    __tablename__ = "silences"

    silence_id: Mapped[str] = mapped_column(Text, primary_key=True)
    project: Mapped[str | None] = mapped_column(Text)
    run_id: Mapped[str | None] = mapped_column(Text)
    rule: Mapped[str | None] = mapped_column(Text)
    comment: Mapped[str] = mapped_column(Text)
    created_by: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime]
    ends_at: Mapped[datetime]


class Delivery(Base):
    """The outbox: one message to one endpoint, written with the change that caused it."""

    __tablename__ = "deliveries"

    run_id: Mapped[str] = mapped_column(Text, primary_key=True)
    delivery_id: Mapped[str] = mapped_column(Text, primary_key=True)
    """The stable ``webhook-id``: the same at every attempt."""
    endpoint_id: Mapped[str] = mapped_column(Text)
    reason: Mapped[str] = mapped_column(Text)
    """Why it was decided to send: ``first``, ``worse``, ``resolved``, ``verdict_ready``, …"""
    payload: Mapped[dict[str, Any]]
    """The message before an adapter shapes it."""
    state: Mapped[str] = mapped_column(Text)
    """``pending``, ``delivered``, ``dead``, ``digested`` or ``cancelled``."""
    created_at: Mapped[datetime]
    due_at: Mapped[datetime | None]
    """When it is to be sent next; NULL once it is delivered or dead."""
    leased_until: Mapped[datetime | None]
    leased_by: Mapped[str | None] = mapped_column(Text)
    attempts: Mapped[int] = mapped_column(BigInteger)
    finished_at: Mapped[datetime | None]
    digest_id: Mapped[str | None] = mapped_column(Text)
    """The delivery that told this one's story together with others."""

    __table_args__ = (
        Index(None, "endpoint_id", "due_at", postgresql_where=text("due_at IS NOT NULL")),
        Index(None, "run_id", "endpoint_id", "created_at"),
        Index(None, "created_at", "delivery_id"),
        Index(None, "delivery_id"),
    )


class DeliveryAttempt(Base):
    """What happened at one sending of a delivery."""

    __tablename__ = "delivery_attempts"

    run_id: Mapped[str] = mapped_column(Text, primary_key=True)
    delivery_id: Mapped[str] = mapped_column(Text, primary_key=True)
    number: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    at: Mapped[datetime]
    ok: Mapped[bool] = mapped_column(Boolean)
    status: Mapped[int | None] = mapped_column(Integer)
    duration_ms: Mapped[int] = mapped_column(Integer)
    detail: Mapped[str] = mapped_column(Text)
    """The shortened reply or error, secrets redacted."""


class Notice(Base):
    """What an endpoint was last told of one subject (a finding, the verdict) of a run.

    It lives as long as the subject goes on, so that an end finds its beginning.
    """

    __tablename__ = "notices"

    run_id: Mapped[str] = mapped_column(Text, primary_key=True)
    endpoint_id: Mapped[str] = mapped_column(Text, primary_key=True)
    subject: Mapped[str] = mapped_column(Text, primary_key=True)
    attempt: Mapped[int] = mapped_column(BigInteger)
    event: Mapped[dict[str, Any]]
    """The newest event of the subject, with its text."""
    told: Mapped[str | None] = mapped_column(Text)
    """The gravest severity that was told; NULL while all was kept back."""
    told_at: Mapped[datetime | None]
    review_at: Mapped[datetime | None]
    """When it is decided anew: a repeat, or the end of a silence."""
    acknowledged: Mapped[bool] = mapped_column(Boolean)

    __table_args__ = (Index(None, "review_at", postgresql_where=text("review_at IS NOT NULL")),)


class Beat(Base):
    """When a service process was last alive, so that its absence is not taken for a run's."""

    __tablename__ = "beats"

    name: Mapped[str] = mapped_column(Text, primary_key=True)
    at: Mapped[datetime]
