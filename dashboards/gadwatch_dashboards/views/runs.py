"""The list of runs: one row a run, and the counts that say which need somebody."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from gadwatch_dashboards import formats, sparkline
from gadwatch_dashboards.texts import Texts
from gadwatch_dashboards.views.badges import Badge, badge, verdict_badge
from gadwatch_service.runs.view import RunView

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
class Ailment:
    """What most ails a run, in a few words; ``anchor`` is the finding's place on its page."""

    text: str
    message: str
    anchor: str


@dataclass(frozen=True)
class RunRow:
    """A run in the list, all values ready to print."""

    run_id: str
    name: str
    project: str
    group: str | None
    tags: tuple[str, ...]
    health: Badge
    ailment: Ailment | None
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


def run_row(run: RunView, texts: Texts, now: datetime, ailment: Ailment | None = None) -> RunRow:
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
        group=run.group_name,
        tags=tuple(run.tags),
        health=badge("health", run.health, texts),
        ailment=ailment,
        verdict=verdict_badge(run.stage, run.verdict, texts),
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
        findings=open_findings(run, texts),
        started=run.started_at or run.created_at,
        duration=duration(run, now),
        attempt=run.attempt,
    )


def open_findings(run: RunView, texts: Texts) -> tuple[tuple[Badge, int], ...]:
    """How many findings fire, worst first."""
    return tuple(
        (badge("severity", severity, texts), count)
        for severity in ("critical", "warning", "notice", "info")
        if (count := run.open_findings.get(severity, 0))
    )


def latest_of(run: RunView, metrics: Sequence[str]) -> str:
    """The newest value of the first of the metrics that the run logs."""
    for metric in metrics:
        if metric in run.latest:
            return formats.number(run.latest[metric])
    return formats.ABSENT


def duration(run: RunView, now: datetime) -> str:
    """How long the run took, or has taken so far."""
    if run.started_at is None:
        return formats.ABSENT
    end = run.finished_at or (run.last_seen_at if run.status != "running" else now) or now
    return formats.span((end - run.started_at).total_seconds())


@dataclass(frozen=True)
class Tally:
    """A count over the list that is also a filter of it."""

    word: str
    icon: str
    tone: str
    count: int
    query: dict[str, str]
    chosen: bool


#: What is counted: the filter it sets, and its look.
TALLIES = {
    "critical": ({"health": "critical"}, "octagon", "critical"),
    "warning": ({"health": "warning"}, "triangle", "warning"),
    "ready": ({"verdict": "ready", "stage": "warmup", "status": "running"}, "flag", "ok"),
    "running": ({"status": "running"}, "play", "info"),
}


def tallies(counted: Mapping[str, int], query: Mapping[str, str], texts: Texts) -> list[Tally]:
    """The counts worth showing: those above zero, and those that filter the list now.

    A chosen one leads back to the whole list. All drop the other filters, so that they lead to as
    many runs as they count; the project stays, for the counts are of it.
    """
    others = dict.fromkeys(("q", "stage", "health", "verdict", "status", "cursor"), "")
    found = []
    for name, (wish, icon, tone) in TALLIES.items():
        chosen = all(query.get(key) == value for key, value in wish.items())
        if counted[name] or chosen:
            leads = others if chosen else {**others, **wish}
            word = texts(f"runs.tally.{name}")
            found.append(Tally(word, icon, tone, counted[name], leads, chosen))
    return found


def grouped(rows: Sequence[RunRow], *, by_project: bool) -> list[tuple[str, list[RunRow]]]:
    """The rows under their project's name, or all under none; the order stays."""
    groups: dict[str, list[RunRow]] = {}
    for row in rows:
        groups.setdefault(row.project if by_project else "", []).append(row)
    return list(groups.items())
