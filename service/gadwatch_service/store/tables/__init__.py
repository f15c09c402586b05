"""The schema, one module a subject; importing this package registers every table.

Every table's key starts with ``run_id``, except the small shared ones (projects, experiments,
endpoints, silences, tokens, sessions), and no foreign key crosses runs, so that the schema
distributes by ``run_id`` unchanged.
"""

from gadwatch_service.store.tables.access import Session, Token
from gadwatch_service.store.tables.alerts import (
    Beat,
    Delivery,
    DeliveryAttempt,
    Endpoint,
    Notice,
    Silence,
)
from gadwatch_service.store.tables.base import Base
from gadwatch_service.store.tables.findings import Finding, VerdictRecord
from gadwatch_service.store.tables.mlflow import Experiment, MlflowRun
from gadwatch_service.store.tables.runs import Attempt, Project, Run, RunState
from gadwatch_service.store.tables.steps import Block, Tail

__all__ = [
    "Attempt",
    "Base",
    "Beat",
    "Block",
    "Delivery",
    "DeliveryAttempt",
    "Endpoint",
    "Experiment",
    "Finding",
    "MlflowRun",
    "Notice",
    "Project",
    "Run",
    "RunState",
    "Session",
    "Silence",
    "Tail",
    "Token",
    "VerdictRecord",
]
