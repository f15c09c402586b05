from datetime import datetime

from sqlalchemy import BigInteger, Double, SmallInteger, Text
from sqlalchemy.dialects.postgresql import ARRAY, DOUBLE_PRECISION
from sqlalchemy.orm import Mapped, mapped_column

from gadwatch_service.store.tables.base import Base


class Tail(Base):
    """The newest steps, a row each; sealed into :class:`Block` when enough have gathered."""

    __tablename__ = "tail"

    run_id: Mapped[str] = mapped_column(Text, primary_key=True)
    attempt: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    step: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    time: Mapped[datetime]
    values: Mapped[list[float | None]] = mapped_column(ARRAY(DOUBLE_PRECISION))
    """Aligned with ``runs.metrics``; may be shorter. NaN is NaN, absent is NULL."""


class Block(Base):
    """Up to 256 consecutive stored steps of one metric, with their summary.

    ``metric`` is the position in ``runs.metrics``; position -1 holds the times (unix seconds).
    """

    __tablename__ = "blocks"

    run_id: Mapped[str] = mapped_column(Text, primary_key=True)
    attempt: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    metric: Mapped[int] = mapped_column(SmallInteger, primary_key=True)
    first_step: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    last_step: Mapped[int] = mapped_column(BigInteger)
    steps: Mapped[list[int] | None] = mapped_column(ARRAY(BigInteger))
    """The step numbers, or NULL when they are first_step, first_step + 1, …"""
    values: Mapped[list[float | None]] = mapped_column(ARRAY(DOUBLE_PRECISION))
    """One a step. NaN is NaN, absent is NULL."""
    count: Mapped[int] = mapped_column(SmallInteger)
    """How many values are present; ``finite`` of them are finite."""
    finite: Mapped[int] = mapped_column(SmallInteger)
    minimum: Mapped[float | None] = mapped_column(Double)
    maximum: Mapped[float | None] = mapped_column(Double)
    total: Mapped[float | None] = mapped_column(Double)
    """Sum of the finite values; ``total / finite`` is their mean."""
    minimum_step: Mapped[int | None] = mapped_column(BigInteger)
    maximum_step: Mapped[int | None] = mapped_column(BigInteger)
    """Where the extremes stand, so that a zoomed-out chart shows them at their own step."""
    nonfinite_step: Mapped[int | None] = mapped_column(BigInteger)
    """The first step with a NaN or an infinity, marked on charts."""

    # 256 values stay inside their row: out of line they would cost two chunks and their index.
    __table_args__ = ({"postgresql_with": {"toast_tuple_target": "8160"}},)
