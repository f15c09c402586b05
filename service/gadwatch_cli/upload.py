"""Sends records of a log to the service, in order, in batches."""

import hashlib
import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby, islice
from typing import Any
from urllib.parse import quote

from gadwatch_cli.connection import Connection
from gadwatch_hooks.readers import Record

BATCH_STEPS = 500
_SPELLED = {math.inf: "Infinity", -math.inf: "-Infinity"}


@dataclass
class Uploaded:
    """How many steps the service took, and how many it had already."""

    accepted: int = 0
    duplicate: int = 0
    rejected: int = 0
    reply: dict[str, Any] | None = None
    """The service's newest answer: health and verdict."""


def run_id_of(name: str) -> str:
    """The same id for the same name, so that sending a log again adds nothing twice."""
    if re.fullmatch(r"[A-Za-z0-9._-]{1,64}", name):
        return name
    return hashlib.sha256(name.encode()).hexdigest()[:16]


def create_run(
    connection: Connection,
    name: str,
    project: str,
    stage: str | None,
    warmup_steps: int | None,
) -> str:
    """The id of the run of this name, made when there is none."""
    body = {"id": run_id_of(name), "name": name, "project": project, "source": "import"}
    optional = {"stage": stage, "warmup_steps": warmup_steps}
    body.update((key, value) for key, value in optional.items() if value is not None)
    return str(connection.call("POST", "/runs", body)["id"])


def upload(connection: Connection, run_id: str, source: str, records: Iterable[Record]) -> Uploaded:
    """Send records, batch by batch.

    Each segment of ``source`` (a name for the log that stays the same) is a session of its own,
    so that a log that steps back opens attempts instead of mixing them.
    """
    total = Uploaded()
    path = f"/runs/{quote(run_id, safe='')}/steps"
    for segment, steps in groupby(records, key=lambda record: record.segment):
        session = hashlib.sha256(f"{source}#{segment}".encode()).hexdigest()[:32]
        while batch := [_step(record) for record in islice(steps, BATCH_STEPS)]:
            reply = connection.call("POST", path, {"session": session, "steps": batch})
            total.accepted += reply["accepted"]
            total.duplicate += reply["duplicate"]
            total.rejected += reply["rejected"]
            total.reply = reply
    return total


def _step(record: Record) -> dict[str, Any]:
    metrics = {
        name: value if math.isfinite(value) else _SPELLED.get(value, "NaN")
        for name, value in record.metrics.items()
    }
    step: dict[str, Any] = {"step": record.step, "metrics": metrics}
    return step if record.time is None else {**step, "time": record.time}
