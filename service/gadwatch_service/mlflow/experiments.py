"""Experiments: the numbers by which MLflow's clients know projects."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from gadwatch_service.access.errors import Forbidden
from gadwatch_service.access.identity import Identity
from gadwatch_service.mlflow import repository
from gadwatch_service.mlflow.errors import MlflowError, missing
from gadwatch_service.mlflow.filters import matches, parse_filter
from gadwatch_service.mlflow.ordering import ordered, parse_order
from gadwatch_service.mlflow.paging import page_of
from gadwatch_service.mlflow.requests import Door
from gadwatch_service.mlflow.schemas import CreateExperiment, SearchExperiments
from gadwatch_service.mlflow.views import experiment_facts, experiment_view
from gadwatch_service.mlflow.wire import int64_in
from gadwatch_service.store.tables import Experiment

DEFAULT_ORDER = ("creation_time DESC", "experiment_id DESC")
MAX_RESULTS = 1000


async def by_id(session: AsyncSession, who: Identity, number: str | int | None) -> Experiment:
    """The experiment that a client names by its number; 0 when it names none.

    Raises :class:`MlflowError` when there is none, or the asker may not see it.
    """
    experiment_id = int64_in(number or 0, "experiment_id")
    experiment = await repository.experiment_by_id(session, experiment_id)
    if experiment is None or not who.sees(experiment.project):
        raise missing(f"There is no experiment {experiment_id}.")
    return experiment


async def get(door: Door, number: str) -> dict[str, Any]:
    """The experiment with a number."""
    async with door.database.session() as session:
        return experiment_view(await by_id(session, door.who, number))


async def by_name(door: Door, name: str) -> dict[str, Any]:
    """The experiment of a project, numbered now if runs came to it another way.

    Raises :class:`MlflowError` when there is none, or the asker may not see it.
    """
    async with door.database.session() as session:
        if door.who.sees(name):
            experiment = await repository.experiment_of(session, name)
            if experiment is None and await repository.has_runs(session, name):
                experiment = await of_project(session, name, door.now)
            if experiment is not None:
                return experiment_view(experiment)
    raise missing(f"There is no experiment {name!r}; create it, or push a run to that project.")


async def of_project(session: AsyncSession, project: str, now: datetime) -> Experiment:
    """A project's experiment, numbered now if it has no number yet."""
    experiment = await repository.experiment_of(session, project)
    if experiment is None:
        await repository.number_project(session, project, now)
        experiment = await repository.experiment_of(session, project)
    assert experiment is not None
    return experiment


async def create(door: Door, wish: CreateExperiment) -> int:
    """Give a new project its number.

    Raises :class:`MlflowError` when the project has one already, and Forbidden when the asker
    may not touch it.
    """
    if not door.who.sees(wish.name):
        raise Forbidden(f"The token {door.who.name!r} may not touch the project {wish.name!r}.")
    async with door.database.session() as session:
        if await repository.experiment_of(session, wish.name) is not None:
            raise MlflowError("RESOURCE_ALREADY_EXISTS", f"There is an experiment {wish.name!r}.")
        experiment = await of_project(session, wish.name, door.now)
        tags = {tag.key: tag.value or "" for tag in wish.tags or ()}
        await repository.tag_experiment(session, experiment.experiment_id, tags)
        return experiment.experiment_id


async def tag(door: Door, number: str, tags: dict[str, str]) -> None:
    """Lay tags over those of an experiment."""
    async with door.database.session() as session:
        experiment = await by_id(session, door.who, number)
        await repository.tag_experiment(session, experiment.experiment_id, tags)


async def search(door: Door, wish: SearchExperiments) -> dict[str, Any]:
    """The experiments that a filter lets through, in the asked order, a page at a time."""
    conditions = parse_filter(wish.filter or "")
    orders = parse_order(wish.order_by or DEFAULT_ORDER)
    page = page_of(wish.max_results, wish.page_token, MAX_RESULTS)
    if wish.view_type == "DELETED_ONLY":  # projects are never deleted here
        return {"experiments": []}
    async with door.database.session() as session:
        await repository.number_projects(session, door.now)
        everything = await visible(session, door.who)
    found = [
        (facts, experiment)
        for experiment in everything
        if matches(conditions, facts := experiment_facts(experiment))
    ]
    views = [experiment_view(experiment) for experiment in ordered(found, orders)]
    return {"experiments": page.cut(views), **page.next(len(views))}


async def visible(session: AsyncSession, who: Identity) -> Sequence[Experiment]:
    """Every experiment that the asker may see."""
    return [one for one in await repository.experiments(session) if who.sees(one.project)]
