"""Gauges that are read from the database when Prometheus asks, not kept up to date."""

from datetime import datetime

from prometheus_client import generate_latest
from sqlalchemy.ext.asyncio import AsyncSession

from gadwatch_service import metrics
from gadwatch_service.operation import repository


async def read_gauges(session: AsyncSession, now: datetime) -> None:
    """Set every gauge to what the database says now."""
    metrics.runs.clear()
    for status, health, count in await repository.count_runs(session):
        metrics.runs.labels(status, health).set(count)
    firing = await repository.count_firing(session)
    for severity in ("info", "notice", "warning", "critical"):
        metrics.open_findings.labels(severity).set(firing.get(severity, 0))
    outbox = await repository.outbox(session, now)
    metrics.deliveries_waiting.set(outbox.waiting)
    metrics.deliveries_dead.set(outbox.dead)
    due = outbox.longest_due
    metrics.delivery_lag_seconds.set(0 if due is None else max(0.0, (now - due).total_seconds()))
    for table, size in (await repository.table_sizes(session)).items():
        metrics.store_bytes.labels(table).set(size)


def exposition() -> bytes:
    """All metrics in Prometheus' text format."""
    return generate_latest(metrics.registry)
