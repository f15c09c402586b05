"""Sends records of a log to the service, in order, in batches."""

import hashlib
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import groupby
from typing import Any
from urllib.parse import quote

from gadwatch_cli.connection import Connection
from gadwatch_cli.judging import StageWatch
from gadwatch_hooks.readers import Record

BATCH_STEPS = 1000
BATCH_VALUES = 50_000
"""Keeps a batch of wide steps below the largest body that a service takes."""
_SPELLED = {math.inf: "Infinity", -math.inf: "-Infinity"}


@dataclass
class Uploaded:
    """How many steps the service took, and how many it had already."""

    accepted: int = 0
    duplicate: int = 0
    rejected: int = 0
    reply: dict[str, Any] | None = None
    """The service's newest answer to steps: health and verdict."""

    def add(self, reply: dict[str, Any]) -> None:
        """Count an answer; one to a change of stage counts nothing."""
        if "accepted" not in reply:
            return
        self.accepted += reply["accepted"]
        self.duplicate += reply["duplicate"]
        self.rejected += reply["rejected"]
        self.reply = reply


def run_id_of(name: str) -> str:
    """The same id for the same name, so that sending a log again adds nothing twice."""
    if re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,63}", name):
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
        """Send what is given, in order; raises :class:`Failure` when the service refuses.

        The log is read on while the service works at the batch before.
        """
        total = Uploaded()
        sent: Future[dict[str, Any]] | None = None
        with ThreadPoolExecutor(1) as sender:
            for path, body in self._requests(records):
                if sent is not None:
                    total.add(sent.result())
                sent = sender.submit(self._connection.call, "POST", path, body)
            if sent is not None:
                total.add(sent.result())
        return total

    def _requests(self, records: Iterable[Record]) -> Iterator[tuple[str, dict[str, Any]]]:
        """Where to post what, in order: batches of steps, changes of stage between them."""
        for segment, steps in groupby(records, key=lambda record: record.segment):
            if segment != self._segment:
                self._segment, self._watch = segment, StageWatch()
            session = hashlib.sha256(f"{self._source}#{segment}".encode()).hexdigest()[:32]
            for part in self._parts(steps):
                if isinstance(part, list):
                    yield f"{self._path}/steps", {"session": session, "steps": part}
                else:
                    yield f"{self._path}/stage", part

    def _parts(self, records: Iterable[Record]) -> Iterator[list[dict[str, Any]] | dict[str, Any]]:
        """Batches that end where a stage does, and the change of stage."""
        batch: list[dict[str, Any]] = []
        values = 0
        for record in records:
            if self._stage is None and self._watch.enters_stage2(record.metrics):
                if batch:
                    yield batch
                    batch, values = [], 0
                # The rules of a stage judge the steps behind the one that is named.
                yield {"stage": "stage2", "step": max(0, record.step - 1)}
            batch.append(_step(record))
            values += len(record.metrics)
            if len(batch) == BATCH_STEPS or values >= BATCH_VALUES:
                yield batch
                batch, values = [], 0
        if batch:
            yield batch


def _step(record: Record) -> dict[str, Any]:
    metrics: Mapping[str, Any] = record.metrics
    if not math.isfinite(sum(metrics.values())):  # one look at all; a false alarm costs nothing
        metrics = {
            name: value if math.isfinite(value) else _SPELLED.get(value, "NaN")
            for name, value in metrics.items()
        }
    step: dict[str, Any] = {"step": record.step, "metrics": metrics}
    return step if record.time is None else {**step, "time": record.time}
