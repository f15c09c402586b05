"""The list of runs: one row a run, and the counts that say which need somebody."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from gadwatch_dashboards import formats, sparkline
from gadwatch_dashboards.texts import Texts
from gadwatch_dashboards.views.badges import Badge, badge
from gadwatch_dashboards.views.facts import RunFacts

#: The columns of latest values: the part of the address, the metric it shows.
KEY_METRICS = {
    "d_acc": ("critic/d_acc",),
    "score_diff": ("critic/score_diff",),
    "reward": ("critic/rewards/mean", "reward/discriminator_mean"),
    "grad_norm": ("critic/grad_norm", "actor/grad_norm"),
}
COLUMNS = ("stage", "last_step", *KEY_METRICS, "trend", "findings", "started", "duration", "tags")
DEFAULT_COLUMNS = ("stage", "last_step", *KEY_METRICS, "trend", "findings")


@dataclass(frozen=True)
class RunRow:
    """A run in the list, all values ready to print."""

    run_id: str
    name: str
    project: str
    group: str | None
    tags: tuple[str, ...]
    health: Badge
    verdict: Badge
    verdict_note: str
    status: Badge
    stage: str
    progress: float | None
    progress_text: str
    last_step: str
    last_seen: datetime | None
    age: str
    key_metrics: dict[str, str]
    trend: str
    findings: tuple[tuple[Badge, int], ...]
    started: datetime | None
    duration: str
    attempt: int


def run_row(run: RunFacts, texts: Texts, now: datetime) -> RunRow:
    """The row of one run."""
    done = run.last_step
    planned = run.warmup_steps if run.stage == "warmup" else None
    note = ""
    if run.verdict == "ready" and run.verdict_since is not None:
        note = texts("runs.since_step", step=formats.number(run.verdict_since))
    return RunRow(
        run_id=run.run_id,
        name=run.name,
        project=run.project,
        group=run.group,
        tags=tuple(run.tags),
        health=badge("health", run.health, texts),
        verdict=badge("verdict", run.verdict, texts),
        verdict_note=note,
        status=badge("status", run.status, texts),
        stage=texts.maybe(f"stage.{run.stage}", run.stage),
        progress=min(1.0, done / planned) if done is not None and planned else None,
        progress_text=(
            f"{formats.number(done)} / {formats.number(planned)}"
            if planned
            else formats.number(done)
        ),
        last_step=formats.number(done),
        last_seen=run.last_seen_at,
        age=formats.age(run.last_seen_at, now),
        key_metrics={key: latest_of(run, metrics) for key, metrics in KEY_METRICS.items()},
        trend=sparkline.path(run.sparkline),
        findings=tuple(
            (badge("severity", severity, texts), count)
            for severity in ("critical", "warning", "notice", "info")
            if (count := run.open_findings.get(severity, 0))
        ),
        started=run.started_at or run.created_at,
        duration=duration(run, now),
        attempt=run.attempt,
    )


def latest_of(run: RunFacts, metrics: Sequence[str]) -> str:
    """The newest value of the first of the metrics that the run logs."""
    for metric in metrics:
        if metric in run.latest:
            return formats.number(run.latest[metric])
    return formats.ABSENT


def duration(run: RunFacts, now: datetime) -> str:
    """How long the run took, or has taken so far."""
    if run.started_at is None:
        return formats.ABSENT
    end = run.finished_at or (run.last_seen_at if run.status != "running" else now) or now
    return formats.span((end - run.started_at).total_seconds())


@dataclass(frozen=True)
class Counts:
    """How many runs need attention, are ready, are running."""

    critical: int
    warning: int
    ready: int
    running: int
    total: int


def counts(runs: Iterable[RunFacts]) -> Counts:
    """Count the given runs."""
    found = list(runs)
    health = Counter(run.health for run in found)
    return Counts(
        critical=health["critical"],
        warning=health["warning"],
        ready=sum(run.verdict == "ready" and run.stage == "warmup" for run in found),
        running=sum(run.status == "running" for run in found),
        total=len(found),
    )
