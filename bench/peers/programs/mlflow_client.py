"""MLflow's client against its server: batches of 1000 metrics, or single calls.

Arguments: the file of steps, the server's address, ``batches`` or ``calls``. A client of batches
says that it is ready, waits for a line, and then sends.
"""

import sys
import time

from mlflow.entities import Metric

import mlflow
from bench.peers.programs.measuring import call_costs, read_steps, tell
from mlflow import MlflowClient

BATCH = 1000
WARM = 4
"""Batches before the clock starts: each of the server's workers opens its store at its first."""

steps = read_steps()
_, _, address, kind = sys.argv
client = MlflowClient(address)
run = client.create_run("0").info.run_id


def send_batches() -> None:
    """Every step, in calls of ``log_batch`` as large as the server takes."""
    moment = int(time.time() * 1000)
    points = [
        Metric(name, value, moment + step, step)
        for step, metrics in enumerate(steps)
        for name, value in metrics.items()
    ]
    batches = [points[at : at + BATCH] for at in range(0, len(points), BATCH)]
    for batch in batches[:WARM]:
        client.log_batch(run, metrics=batch)
    tell(ready=True)
    sys.stdin.readline()
    begun = time.perf_counter()
    for batch in batches[WARM:]:
        client.log_batch(run, metrics=batch)
    tell(points=len(points) - BATCH * WARM, seconds=time.perf_counter() - begun)


def send_calls() -> None:
    """One step a call, as the default does it and then on a thread of its own."""
    mlflow.set_tracking_uri(address)
    with mlflow.start_run(run_id=run):
        waiting = call_costs(mlflow.log_metrics, steps, 100)
        apart = call_costs(
            lambda metrics, step: mlflow.log_metrics(metrics, step, synchronous=False), steps, 100
        )
        mlflow.flush_async_logging()
    tell(waiting=waiting, apart=apart)


{"batches": send_batches, "calls": send_calls}[kind]()
