"""Sends records of a log to the service, in order, in batches."""

import hashlib
import math
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import Any
from urllib.parse import quote

from gadwatch_cli.connection import Connection
from gadwatch_cli.judging import StageWatch
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
    body: dict[str, Any] = {
        "id": run_id_of(name),
        "name": name,
        "project": project,
        "source": "import",
    }
    optional = {"stage": stage, "warmup_steps": warmup_steps}
    body.update((key, value) for key, value in optional.items() if value is not None)
    return str(connection.call("POST", "/runs", body)["id"])


class Upload:
    """A log on its way into a run.

    ``source`` is a name for the log that stays the same when it is sent again. Each segment of
    it is a session of its own, so that a log that steps back opens attempts instead of mixing
    them. Without a ``stage`` it is read off the log.
    """

    def __init__(self, connection: Connection, run_id: str, source: str, stage: str | None) -> None:
        self._connection = connection
        self._path = f"/runs/{quote(run_id, safe='')}"
        self._source = source
        self._stage = stage
        self._watch = StageWatch()
        self._segment = 0

    def send(self, records: Iterable[Record]) -> Uploaded:
        """Send what is given, in order; raises :class:`Failure` when the service refuses."""
        total = Uploaded()
        for segment, steps in groupby(records, key=lambda record: record.segment):
            if segment != self._segment:
                self._segment, self._watch = segment, StageWatch()
            session = hashlib.sha256(f"{self._source}#{segment}".encode()).hexdigest()[:32]
            for batch in self._batches(steps):
                reply = self._connection.call(
                    "POST", f"{self._path}/steps", {"session": session, "steps": batch}
                )
                total.accepted += reply["accepted"]
                total.duplicate += reply["duplicate"]
                total.rejected += reply["rejected"]
                total.reply = reply
        return total

    def _batches(self, records: Iterable[Record]) -> Iterator[list[dict[str, Any]]]:
        """Batches that end where a stage does; the change of stage is told in between."""
        batch: list[dict[str, Any]] = []
        for record in records:
            if self._stage is None and self._watch.enters_stage2(record.metrics):
                if batch:
                    yield batch
                    batch = []
                # The rules of a stage judge the steps behind the one that is named.
                stage = {"stage": "stage2", "step": max(0, record.step - 1)}
                self._connection.call("POST", f"{self._path}/stage", stage)
            batch.append(_step(record))
            if len(batch) == BATCH_STEPS:
                yield batch
                batch = []
        if batch:
            yield batch


def _step(record: Record) -> dict[str, Any]:
    metrics = {
        name: value if math.isfinite(value) else _SPELLED.get(value, "NaN")
        for name, value in record.metrics.items()
    }
    step: dict[str, Any] = {"step": record.step, "metrics": metrics}
    return step if record.time is None else {**step, "time": record.time}
