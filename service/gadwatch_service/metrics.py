"""What the service counts of itself, for Prometheus. Increment where it happens."""

from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.process_collector import ProcessCollector

registry: Final = CollectorRegistry()
ProcessCollector(registry=registry)

_FAST: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)

http_requests: Final = Counter(
    "gadwatch_http_requests",
    "Requests answered.",
    ("method", "route", "status"),
    registry=registry,
)
http_seconds: Final = Histogram(
    "gadwatch_http_request_seconds",
    "Time to answer a request.",
    ("route",),
    buckets=_FAST,
    registry=registry,
)
authentication_failures: Final = Counter(
    "gadwatch_authentication_failures",
    "Wrong, expired or revoked tokens and sessions presented.",
    registry=registry,
)

ingest_steps: Final = Counter(
    "gadwatch_ingest_steps",
    "Steps pushed, by what became of them: accepted, duplicate, late or rejected.",
    ("outcome",),
    registry=registry,
)
ingest_points: Final = Counter("gadwatch_ingest_points", "Metric values stored.", registry=registry)
ingest_seconds: Final = Histogram(
    "gadwatch_ingest_seconds",
    "Time to store and judge one request's steps, commit included.",
    buckets=_FAST,
    registry=registry,
)
lost_steps: Final = Counter(
    "gadwatch_lost_steps",
    "Steps that a hook says it had to drop, by its reason.",
    ("reason",),
    registry=registry,
)

mlflow_dropped: Final = Counter(
    "gadwatch_mlflow_dropped",
    "What MLflow's clients sent and is not stored: artifacts and inputs.",
    ("what",),
    registry=registry,
)

rules_seconds: Final = Histogram(
    "gadwatch_rules_seconds",
    "Time to judge one request's steps.",
    buckets=(0.0001, 0.00025, *_FAST),
    registry=registry,
)
replays: Final = Counter(
    "gadwatch_rules_replays", "States derived anew from the stored steps.", registry=registry
)
finding_changes: Final = Counter(
    "gadwatch_finding_changes",
    "Findings that began to fire or were resolved.",
    ("rule", "severity", "state"),
    registry=registry,
)
verdict_changes: Final = Counter(
    "gadwatch_verdict_changes", "Changes of a run's verdict.", ("verdict",), registry=registry
)

delivery_attempts: Final = Counter(
    "gadwatch_delivery_attempts",
    "Alerts sent, by kind of endpoint and outcome: delivered, retry or dead.",
    ("kind", "outcome"),
    registry=registry,
)
delivery_seconds: Final = Histogram(
    "gadwatch_delivery_seconds",
    "Time that an endpoint took to answer.",
    ("kind",),
    buckets=_FAST,
    registry=registry,
)

sealed_blocks: Final = Counter(
    "gadwatch_store_sealed_blocks", "Blocks made of the tail's steps.", registry=registry
)

worker_passes: Final = Counter(
    "gadwatch_worker_passes", "Rounds of a background worker.", ("worker",), registry=registry
)
worker_errors: Final = Counter(
    "gadwatch_worker_errors",
    "Rounds of a background worker that failed.",
    ("worker",),
    registry=registry,
)

# Read from the database when Prometheus asks; see operation/gauges.py.
runs: Final = Gauge(
    "gadwatch_runs", "Runs by status and health.", ("status", "health"), registry=registry
)
open_findings: Final = Gauge(
    "gadwatch_open_findings", "Findings that fire now.", ("severity",), registry=registry
)
deliveries_waiting: Final = Gauge(
    "gadwatch_deliveries_waiting", "Alerts not yet delivered nor given up.", registry=registry
)
deliveries_dead: Final = Gauge("gadwatch_deliveries_dead", "Alerts given up.", registry=registry)
delivery_lag_seconds: Final = Gauge(
    "gadwatch_delivery_lag_seconds", "Age of the alert longest due.", registry=registry
)
store_bytes: Final = Gauge(
    "gadwatch_store_bytes", "Size of a table with its indexes.", ("table",), registry=registry
)
