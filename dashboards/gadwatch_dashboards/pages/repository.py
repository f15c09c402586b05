"""The pages' own questions to the database: counts, choices, findings of all runs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Row,
    SQLColumnExpression,
    and_,
    case,
    exists,
    func,
    null,
    or_,
    select,
    true,
    tuple_,
)
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from gadwatch_service.runs.query import RunQuery, decode_cursor, encode_cursor
from gadwatch_service.runs.view import RunView
from gadwatch_service.store.tables import Block, Finding, Project, Run, RunState, Silence, Tail

Projects = frozenset[str] | None


@dataclass(frozen=True)
class Tallies:
    """How many runs need attention, are ready, are running."""

    total: int
    critical: int
    warning: int
    ready: int
    running: int


_READY = and_(RunState.stage == "warmup", RunState.verdict == "ready", RunState.status == "running")
"""A warm-up that may be handed over now."""


async def tallies(session: AsyncSession, projects: Projects, project: str = "") -> Tallies:
    """Counts over all runs that the asker sees; all but the total of ``project``, if named."""
    query = RunQuery(projects=projects)
    count = func.count()
    mine = Run.project == project if project else true()
    statement = (
        select(
            count,
            count.filter(mine, RunState.health == "critical"),
            count.filter(mine, RunState.health == "warning"),
            count.filter(mine, _READY),
            count.filter(mine, RunState.status == "running"),
        )
        .select_from(Run)
        .join(RunState, RunState.run_id == Run.run_id)
        .where(*query.conditions())
    )
    return Tallies(*(await session.execute(statement)).one())


async def project_settings(session: AsyncSession, projects: Projects) -> Sequence[Project]:
    """Every project with its thresholds and retention, by name."""
    statement = select(Project).order_by(Project.name)
    if projects is not None:
        statement = statement.where(Project.name.in_(projects))
    return (await session.execute(statement)).scalars().all()


async def project_overrides(session: AsyncSession, name: str) -> Mapping[str, Any]:
    """A project's changed thresholds."""
    found = await session.get(Project, name)
    return {} if found is None else found.overrides


@dataclass(frozen=True)
class FindingQuery:
    """Findings of all runs as asked for; empty fields let everything through."""

    state: str = ""
    severity: str = ""
    project: str = ""
    rule: str = ""
    projects: Projects = None
    not_resolved_as: str = ""
    cursor: str = ""
    limit: int = 50


async def findings(
    session: AsyncSession, query: FindingQuery
) -> tuple[Sequence[Row[Finding, str, str]], str | None]:
    """``(Finding, run name, project)`` rows, the newest change first, and the next cursor."""
    place = (
        func.extract("epoch", Finding.changed_at),
        Finding.run_id,
        Finding.rule,
        Finding.metric,
        Finding.first_step,
    )
    statement = (
        select(Finding, Run.name, Run.project)
        .join(Run, Run.run_id == Finding.run_id)
        .where(or_(Finding.state != "resolved", Finding.reason != query.not_resolved_as))
        .order_by(*(part.desc() for part in place))
        .limit(query.limit + 1)
    )
    for column, wanted in (
        (Finding.state, query.state),
        (Finding.severity, query.severity),
        (Run.project, query.project),
        (Finding.rule, query.rule),
    ):
        if wanted:
            statement = statement.where(column == wanted)
    if query.projects is not None:
        statement = statement.where(Run.project.in_(query.projects))
    if query.cursor:
        begin = decode_cursor(query.cursor, (float, int), str, str, str, int)
        statement = statement.where(tuple_(*place) < tuple_(*begin))
    rows = (await session.execute(statement)).all()
    shown = rows[: query.limit]
    if len(rows) <= query.limit:
        return shown, None
    last = shown[-1][0]
    stamp = last.changed_at.timestamp()
    return shown, encode_cursor(stamp, last.run_id, last.rule, last.metric, last.first_step)


async def worst_findings(session: AsyncSession, run_ids: Sequence[str]) -> dict[str, Finding]:
    """What most ails each of these runs: the gravest finding that fires, the earliest of those."""
    gravity = case({"critical": 0, "warning": 1, "notice": 2}, value=Finding.severity, else_=3)
    statement = (
        select(Finding)
        .join(RunState, RunState.run_id == Finding.run_id)
        .where(
            Finding.run_id.in_(run_ids),
            Finding.state == "firing",
            Finding.attempt == RunState.attempt,
        )
        .order_by(Finding.run_id, gravity, Finding.first_step, Finding.rule, Finding.metric)
        .ext(distinct_on(Finding.run_id))
    )
    return {row.run_id: row for row in (await session.execute(statement)).scalars()}


async def needing(
    session: AsyncSession, projects: Projects, now: datetime, limit: int
) -> tuple[Sequence[Row[Finding, str, int]], int]:
    """``(Finding, run name)`` of each running run that is ill, the gravest first; how many more.

    What somebody has acknowledged or silenced is taken care of.
    """
    # "critical" comes before "warning" in the alphabet, too.
    order = (Finding.severity, Finding.first_step, Finding.rule, Finding.metric)
    worst = (
        select(Finding)
        .join(Run, Run.run_id == Finding.run_id)
        .join(RunState, RunState.run_id == Finding.run_id)
        .where(
            Finding.state == "firing",
            Finding.severity.in_(("critical", "warning")),
            Finding.acknowledged_by.is_(None),
            Finding.attempt == RunState.attempt,
            RunState.status.in_(("running", "stalled")),
            ~_silenced(now, Finding.rule),
            Run.project.in_(projects) if projects is not None else true(),
        )
        .order_by(Finding.run_id, *order)
        .ext(distinct_on(Finding.run_id))
        .subquery()
    )
    ill = aliased(Finding, worst)
    statement = (
        select(ill, Run.name, func.count().over())
        .join(Run, Run.run_id == ill.run_id)
        .order_by(ill.severity, ill.changed_at.desc(), ill.run_id)
        .limit(limit)
    )
    rows = (await session.execute(statement)).all()
    return rows, rows[0][2] - len(rows) if rows else 0


async def failed_since(
    session: AsyncSession, projects: Projects, since: datetime, now: datetime, limit: int
) -> tuple[Sequence[tuple[str, str, int | None]], int]:
    """``(id, name, last step)`` of each run that failed since, the newest first; how many more.

    What somebody has silenced is taken care of.
    """
    statement = (
        select(Run.run_id, Run.name, RunState.last_step, func.count().over())
        .join(RunState, RunState.run_id == Run.run_id)
        .where(
            RunState.status == "failed",
            RunState.finished_at > since,
            ~_silenced(now, null()),
            Run.project.in_(projects) if projects is not None else true(),
        )
        .order_by(RunState.finished_at.desc(), Run.run_id)
        .limit(limit)
    )
    rows = (await session.execute(statement)).all()
    return [row[:3] for row in rows], rows[0][3] - len(rows) if rows else 0


async def ready_warmups(
    session: AsyncSession, projects: Projects, limit: int
) -> Sequence[tuple[str, str]]:
    """``(id, name)`` of running warm-ups that are ready, the newest first."""
    statement = (
        select(Run.run_id, Run.name)
        .join(RunState, RunState.run_id == Run.run_id)
        .where(_READY, Run.project.in_(projects) if projects is not None else true())
        .order_by(Run.created_at.desc(), Run.run_id)
        .limit(limit)
    )
    return [row[:2] for row in await session.execute(statement)]


def _silenced(now: datetime, rule: SQLColumnExpression[Any]) -> ColumnElement[bool]:
    """Whether a silence covers the run and the rule."""
    return exists().where(
        Silence.ends_at > now,
        *(
            or_(mine.is_(None), mine == its)
            for mine, its in (
                (Silence.project, Run.project),
                (Silence.run_id, Run.run_id),
                (Silence.rule, rule),
            )
        ),
    )


async def open_counts(
    session: AsyncSession, projects: Projects, project: str = ""
) -> dict[str, int]:
    """How many findings fire now, by severity; those of one project, if one is named."""
    statement = (
        select(Finding.severity, func.count())
        .join(Run, Run.run_id == Finding.run_id)
        .where(Finding.state == "firing")
        .group_by(Finding.severity)
    )
    if project:
        statement = statement.where(Run.project == project)
    if projects is not None:
        statement = statement.where(Run.project.in_(projects))
    return {row[0]: row[1] for row in await session.execute(statement)}


async def firing_by_rule(
    session: AsyncSession, projects: Projects, limit: int
) -> dict[str, tuple[list[tuple[str, str]], int]]:
    """Rule -> some runs, ``(id, name)``, in which it fires now, and how many more."""
    firing = (
        select(Finding.rule, Run.run_id, Run.name)
        .join(Run, Run.run_id == Finding.run_id)
        .where(
            Finding.state == "firing",
            Run.project.in_(projects) if projects is not None else true(),
        )
        .distinct()
        .subquery()
    )
    in_order = (firing.c.name, firing.c.run_id)
    placed = select(
        firing,
        func.row_number().over(partition_by=firing.c.rule, order_by=in_order).label("place"),
        func.count().over(partition_by=firing.c.rule).label("total"),
    ).subquery()
    statement = (
        select(placed.c.rule, placed.c.run_id, placed.c.name, placed.c.total)
        .where(placed.c.place <= limit)
        .order_by(placed.c.rule, placed.c.place)
    )
    found: dict[str, tuple[list[tuple[str, str]], int]] = {}
    for rule, run_id, name, total in await session.execute(statement):
        runs, _ = found.get(rule, ([], 0))
        found[rule] = ([*runs, (run_id, name)], max(0, total - limit))
    return found


async def steps_if_any_lack(session: AsyncSession, run: RunView) -> list[int]:
    """The newest attempt's step numbers; none at all when they are known to be complete."""
    if run.first_step is None or run.last_step is None:
        return []
    if run.steps >= run.last_step - run.first_step + 1:
        return []
    mine = (Block.run_id == run.run_id, Block.attempt == run.attempt, Block.metric == -1)
    blocks = select(Block.first_step, Block.last_step, Block.steps).where(*mine)
    found: set[int] = set()
    for first, last, steps in await session.execute(blocks):
        found.update(range(first, last + 1) if steps is None else steps)
    tail = select(Tail.step).where(Tail.run_id == run.run_id, Tail.attempt == run.attempt)
    found.update((await session.execute(tail)).scalars())
    return sorted(found)
