from collections.abc import Iterator, Mapping, Sequence
from threading import Lock
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from gadwatch_hooks.client import frames
from gadwatch_hooks.client.results import Assessment, Finding, Readiness, RunSummary
from gadwatch_hooks.errors import (
    GadwatchError,
    RefusedError,
    RunNotFoundError,
    ServiceUnreachableError,
)
from gadwatch_hooks.settings import Settings
from gadwatch_hooks.transport import Reply, ServiceAwayError, Transport

if TYPE_CHECKING:
    import pandas as pd
    from plotly.graph_objects import Figure

LONGEST_POLL = 30
"""Seconds that one request for a readiness waits at the service; longer waits are several."""
ENDED = frozenset({"finished", "failed", "killed"})
LARGEST_ANSWER = 512 * 2**20


class Client:
    """Reads a gadwatch service, for scripts and notebooks.

    ``url`` and ``token`` default to ``GADWATCH_URL`` and ``GADWATCH_TOKEN``, then to the
    service on this machine and its owner's token. Safe to use from several threads, one
    request at a time. Every method raises :class:`ServiceUnreachableError` without an answer,
    :class:`RunNotFoundError` for an unknown run and :class:`RefusedError` for any other no.
    """

    def __init__(
        self, url: str | None = None, token: str | None = None, *, timeout: float = 60.0
    ) -> None:
        settings = Settings.resolve(url=url, token=token, mode="online")
        self.url = settings.url
        self._timeout = timeout
        self._transport = Transport(settings.url, settings.token, largest_answer=LARGEST_ANSWER)
        self._one_at_a_time = Lock()

    def runs(self, **filters: Any) -> Iterator[RunSummary]:
        """Every run that the token may see, the newest first.

        ``filters`` are those of ``GET /runs``: ``project``, ``stage``, ``health``,
        ``verdict``, ``q``, ``sort``.
        """
        for body in self._items("/runs", filters):
            yield RunSummary.of(body)

    def run(self, run: str) -> RunSummary:
        """One run, by its id."""
        return RunSummary.of(self._get(_path(run)).body)

    def assessment(self, run: str, lang: str = "en") -> Assessment:
        """All that is known about a run now; texts in ``en`` or ``zh``."""
        return Assessment.of(self._get(_path(run, "/assessment"), {"lang": lang}).body)

    def readiness(self, run: str, wait: float = 0.0) -> Readiness:
        """Whether the run is ready for stage 2.

        ``wait`` asks the service to hold the answer back until the verdict is ``ready``, that
        many seconds at most, or the run has ended.
        """
        left = max(0.0, wait)
        while True:
            step = min(left, LONGEST_POLL)
            query = {"wait": f"{step:g}"} if step else {}
            body = self._get(_path(run, "/readiness"), query, self._timeout + step).body
            readiness = Readiness.of(body)
            left -= step
            if readiness.ready or left <= 0 or body.get("status") in ENDED:
                return readiness

    def findings(self, run: str, **filters: Any) -> list[Finding]:
        """The findings of a run; ``filters`` are those of ``GET /runs/{id}/findings``."""
        return [Finding.of(body) for body in self._items(_path(run, "/findings"), filters)]

    def metrics(self, run: str) -> list[str]:
        """The names of the metrics that a run has logged."""
        return frames.metric_names(self._get(_path(run, "/metrics")).body)

    def history(self, run: str, metrics: Sequence[str] | str | None = None) -> "pd.DataFrame":
        """Every point of ``metrics`` (default: all) as a frame indexed by step.

        A cell is NaN both where the value was NaN and where the metric was not logged. Needs
        ``pip install gadwatch[pandas]``; raises :class:`GadwatchError` saying so.
        """
        wanted = [metrics] if isinstance(metrics, str) else metrics
        query: dict[str, Any] = {"format": "jsonl"}
        if wanted is not None:
            query["metric"] = list(wanted)
        return frames.frame(self._get(_path(run, "/export"), query).raw, wanted)

    def figure(self, run: str, metric: str) -> "Figure":
        """A plotly figure of one metric over the steps, NaN and infinities marked.

        Needs ``pip install gadwatch[pandas]``.
        """
        return frames.figure(self.history(run, metric), metric, title=f"{run}: {metric}")

    def close(self) -> None:
        """Close the connection."""
        self._transport.close()

    def _items(self, path: str, query: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        cursor = None
        while True:
            body = self._get(path, {**query, "cursor": cursor}).body
            yield from body.get("items", [])
            cursor = body.get("next_cursor")
            if not cursor:
                return

    def _get(
        self, path: str, query: Mapping[str, Any] | None = None, timeout: float | None = None
    ) -> Reply:
        wanted = {name: value for name, value in (query or {}).items() if value is not None}
        target = f"{path}?{urlencode(wanted, doseq=True)}" if wanted else path
        try:
            with self._one_at_a_time:
                reply = self._transport.exchange("GET", target, timeout=timeout or self._timeout)
        except ServiceAwayError as error:
            raise ServiceUnreachableError(f"no answer from {self.url}: {error}") from None
        if reply.status >= 300:
            raise self._refusal(reply, path)
        return reply

    def _refusal(self, reply: Reply, path: str) -> GadwatchError:
        detail = reply.body.get("detail") or reply.body.get("title") or "no reason given"
        if reply.status == 404 and path.startswith("/runs/"):
            return RunNotFoundError(f"{self.url}: {detail}")
        if reply.status == 401:
            detail = f"{detail}; set GADWATCH_TOKEN or pass token="
        return RefusedError(f"{self.url} answered {reply.status}: {detail}", reply.status)


def _path(run: str, suffix: str = "") -> str:
    return f"/runs/{quote(run, safe='')}{suffix}"
