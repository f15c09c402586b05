"""The SQL of experiments, of what MLflow keeps with a run, and of its searches."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, exists, literal, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from gadwatch_service.store.tables import Experiment, MlflowRun, Run, RunState

RunRow = tuple[Run, RunState, MlflowRun | None]

# The newest value of each metric: of the tail and of the last block that has one, whichever step
# is the later. A late value may stand in the tail while newer ones are sealed already.
_LATEST = text("""
SELECT r.run_id, m.name, newest.value, newest.step, newest.time
FROM runs r
JOIN run_states s ON s.run_id = r.run_id
CROSS JOIN LATERAL unnest(r.metrics) WITH ORDINALITY AS m (name, place)
CROSS JOIN LATERAL (
    (
        SELECT t.step, extract(epoch FROM t.time)::float8 AS time, t.values[m.place] AS value,
            1 AS later
        FROM tail t
        WHERE t.run_id = r.run_id AND t.attempt = s.attempt AND t.values[m.place] IS NOT NULL
        ORDER BY t.step DESC LIMIT 1
    )
    UNION ALL
    (
        SELECT coalesce(b.steps[i], b.first_step + i - 1), times.values[i], b.values[i], 0
        FROM blocks b
        JOIN blocks times ON times.run_id = b.run_id AND times.attempt = b.attempt
            AND times.metric = -1 AND times.first_step = b.first_step
        CROSS JOIN LATERAL generate_subscripts(b.values, 1) AS i
        WHERE b.run_id = r.run_id AND b.attempt = s.attempt AND b.metric = m.place - 1
            AND b.values[i] IS NOT NULL
        ORDER BY b.first_step DESC, i DESC LIMIT 1
    )
    ORDER BY step DESC, later DESC LIMIT 1
) AS newest
WHERE r.run_id = ANY(:run_ids)
""")


async def experiment_by_id(session: AsyncSession, experiment_id: int) -> Experiment | None:
    """The experiment with this number."""
    return await session.get(Experiment, experiment_id)


async def experiment_of(session: AsyncSession, project: str) -> Experiment | None:
    """The experiment that stands for a project."""
    statement = select(Experiment).where(Experiment.project == project)
    return (await session.execute(statement)).scalar_one_or_none()


async def number_project(session: AsyncSession, project: str, now: datetime) -> None:
    """Give a project its number, unless it has one."""
    statement = insert(Experiment).values(project=project, created_at=now, tags={})
    await session.execute(statement.on_conflict_do_nothing(index_elements=["project"]))


async def number_projects(session: AsyncSession, now: datetime) -> None:
    """Give every project that has runs its number."""
    unnumbered = (
        select(Run.project, literal(now), literal({}, Experiment.tags.type))
        .where(~exists().where(Experiment.project == Run.project))
        .distinct()
    )
    statement = insert(Experiment).from_select(["project", "created_at", "tags"], unnumbered)
    await session.execute(statement.on_conflict_do_nothing(index_elements=["project"]))


async def has_runs(session: AsyncSession, project: str) -> bool:
    """Whether a project has any run."""
    return bool((await session.execute(select(exists().where(Run.project == project)))).scalar())


async def experiments(session: AsyncSession) -> Sequence[Experiment]:
    """Every experiment, the newest first."""
    statement = select(Experiment).order_by(
        Experiment.created_at.desc(), Experiment.experiment_id.desc()
    )
    return (await session.execute(statement)).scalars().all()


async def tag_experiment(
    session: AsyncSession, experiment_id: int, tags: Mapping[str, str]
) -> None:
    """Lay tags over those that an experiment has."""
    await session.execute(
        update(Experiment)
        .where(Experiment.experiment_id == experiment_id)
        .values(tags=Experiment.tags.op("||")(dict(tags)))
    )


async def run_row(session: AsyncSession, run_id: str) -> RunRow | None:
    """A run with its state and what MLflow keeps with it."""
    row = (await session.execute(_rows(Run.run_id == run_id))).one_or_none()
    return None if row is None else (row[0], row[1], row[2])


async def run_rows(
    session: AsyncSession, projects: Sequence[str], offset: int, limit: int
) -> Sequence[RunRow]:
    """Runs of some projects, the newest first."""
    statement = _rows(Run.project.in_(projects)).order_by(Run.created_at.desc(), Run.run_id)
    rows = (await session.execute(statement.offset(offset).limit(limit))).all()
    return [(row[0], row[1], row[2]) for row in rows]


async def keep_run(session: AsyncSession, told: MlflowRun) -> None:
    """Keep what MLflow's client told of a new run; the first telling counts."""
    facts = {
        "run_id": told.run_id,
        "user_id": told.user_id,
        "start_time": told.start_time,
        "tags": told.tags,
    }
    await session.execute(insert(MlflowRun).values(**facts).on_conflict_do_nothing())


async def begin_process(session: AsyncSession, run_id: str, name: str) -> None:
    """Name the process that goes on with a run: what it pushes may open a new attempt."""
    await _lay_over(session, run_id, process=name)


async def process_of(session: AsyncSession, run_id: str) -> str | None:
    """The name of the process that goes on with a run; None before any went on."""
    statement = select(MlflowRun.process).where(MlflowRun.run_id == run_id)
    return (await session.execute(statement)).scalar_one_or_none()


async def latest_values(
    session: AsyncSession, run_ids: Sequence[str]
) -> dict[str, dict[str, tuple[float, int, int]]]:
    """By run and metric the newest value, its step and its unix milliseconds."""
    found: dict[str, dict[str, tuple[float, int, int]]] = {run_id: {} for run_id in run_ids}
    for run_id, metric, value, step, time in await session.execute(
        _LATEST, {"run_ids": list(run_ids)}
    ):
        found[run_id][metric] = (value, step, round(time * 1000))
    return found


async def tag_run(session: AsyncSession, run_id: str, tags: Mapping[str, str]) -> None:
    """Lay tags over those that a run has, in whatever way the run came."""
    statement = insert(MlflowRun).values(run_id=run_id, tags=dict(tags))
    merged = MlflowRun.tags.op("||")(statement.excluded.tags)
    await session.execute(
        statement.on_conflict_do_update(index_elements=["run_id"], set_={"tags": merged})
    )


async def untag_run(session: AsyncSession, run_id: str, key: str) -> bool:
    """Remove a tag; False when the run does not have it."""
    statement = (
        update(MlflowRun)
        .where(MlflowRun.run_id == run_id, MlflowRun.tags.has_key(key))
        .values(tags=MlflowRun.tags.op("-")(literal(key)))
        .returning(MlflowRun.run_id)
    )
    return (await session.execute(statement)).first() is not None


async def set_end_time(session: AsyncSession, run_id: str, end_time: int | None) -> None:
    """Keep when a run ended by its client's clock; None while it runs."""
    await _lay_over(session, run_id, end_time=end_time)


async def hide_run(session: AsyncSession, run_id: str, since: datetime | None) -> None:
    """Hide a run from MLflow's clients, or with None show it again."""
    await _lay_over(session, run_id, deleted_at=since)


async def _lay_over(session: AsyncSession, run_id: str, **facts: Any) -> None:
    statement = insert(MlflowRun).values(run_id=run_id, tags={}, **facts)
    await session.execute(statement.on_conflict_do_update(index_elements=["run_id"], set_=facts))


def _rows(condition: ColumnElement[bool]) -> Select[Run, RunState, MlflowRun]:
    return (
        select(Run, RunState, MlflowRun)
        .join(RunState, RunState.run_id == Run.run_id)
        .outerjoin(MlflowRun, MlflowRun.run_id == Run.run_id)
        .where(condition)
    )
