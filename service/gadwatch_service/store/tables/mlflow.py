from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Identity, Text
from sqlalchemy.orm import Mapped, mapped_column

from gadwatch_service.store.tables.base import Base


class Experiment(Base):
    """The number by which MLflow's clients know a project. Small, shared.

    0 is the project ``Default``, which MLflow's clients use without asking.
    """

    __tablename__ = "experiments"

    experiment_id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    project: Mapped[str] = mapped_column(Text, unique=True)
    created_at: Mapped[datetime]
    tags: Mapped[dict[str, Any]]


class MlflowRun(Base):
    """What MLflow knows of a run beyond gadwatch's own facts.

    Runs that came another way have no such row until an MLflow client adds to them.
    """

    __tablename__ = "mlflow_runs"

    run_id: Mapped[str] = mapped_column(Text, primary_key=True)
    user_id: Mapped[str | None] = mapped_column(Text)
    start_time: Mapped[int | None] = mapped_column(BigInteger)
    """Unix milliseconds by the client's clock, as are all times of MLflow."""
    end_time: Mapped[int | None] = mapped_column(BigInteger)
    tags: Mapped[dict[str, Any]]
    process: Mapped[str | None] = mapped_column(Text)
    """The random name of the process that resumed it last; NULL before any did."""
    deleted_at: Mapped[datetime | None]
    """Hidden from MLflow's clients since then; they can restore it."""
