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
from gadwatch_service.mlflow.paging import Page, page_of
from gadwatch_service.mlflow.schemas import CreateExperiment, SearchExperiments
from gadwatch_service.mlflow.views import experiment_facts, experiment_view
from gadwatch_service.mlflow.wire import int64_in
from gadwatch_service.store.tables import Experiment

DEFAULT_ORDER = ("creation_time DESC", "experiment_id DESC")
MAX_RESULTS = 1000


async def by_id(session: AsyncSession, identity: Identity, text: str | None) -> Experiment:
    """The experiment that a client names by its number; 0 when it names none.

    Raises :class:`MlflowError` when there is none, or the identity may not see it.
    """
    experiment_id = int64_in(text or "0", "experiment_id")
    experiment = await repository.experiment_by_id(session, experiment_id)
    if experiment is None or not identity.sees(experiment.project):
        raise missing(f"There is no experiment {experiment_id}.")
    return experiment


async def by_name(
    session: AsyncSession, identity: Identity, name: str, now: datetime
) -> Experiment:
    """The experiment of a project, numbered now if runs came to it another way.

    Raises :class:`MlflowError` when there is none, or the identity may not see it.
    """
    if identity.sees(name):
        experiment = await repository.experiment_of(session, name)
        if experiment is None and await repository.has_runs(session, name):
            experiment = await of_project(session, name, now)
        if experiment is not None:
            return experiment
    raise missing(f"There is no experiment {name!r}; create it, or push a run to that project.")


async def of_project(session: AsyncSession, project: str, now: datetime) -> Experiment:
    """A project's experiment, numbered now if it has no number yet."""
    experiment = await repository.experiment_of(session, project)
    if experiment is None:
        await repository.number_project(session, project, now)
        experiment = await repository.experiment_of(session, project)
    assert experiment is not None
    return experiment


async def create(
    session: AsyncSession, identity: Identity, wish: CreateExperiment, now: datetime
) -> Experiment:
    """Give a new project its number.

    Raises :class:`MlflowError` when the project has one already.
    """
    if not identity.sees(wish.name):
        raise Forbidden(f"The token {identity.name!r} may not touch the project {wish.name!r}.")
    if await repository.experiment_of(session, wish.name) is not None:
        raise MlflowError("RESOURCE_ALREADY_EXISTS", f"There is an experiment {wish.name!r}.")
    experiment = await of_project(session, wish.name, now)
    tags = {tag.key: tag.value or "" for tag in wish.tags or ()}
    if tags:
        await repository.tag_experiment(session, experiment.experiment_id, tags)
    return experiment


async def search(
    session: AsyncSession, identity: Identity, wish: SearchExperiments, now: datetime
) -> dict[str, Any]:
    """The experiments that a filter lets through, in the asked order, a page at a time."""
    if wish.view_type == "DELETED_ONLY":
        return {"experiments": []}
    conditions = parse_filter(wish.filter or "")
    orders = parse_order(wish.order_by or DEFAULT_ORDER)
    page = page_of(wish.max_results, wish.page_token, MAX_RESULTS)
    await repository.number_projects(session, now)
    found = [
        (facts, experiment)
        for experiment in await visible(session, identity)
        if matches(conditions, facts := experiment_facts(experiment))
    ]
    return _reply(page, ordered(found, orders))


async def visible(session: AsyncSession, identity: Identity) -> Sequence[Experiment]:
    """Every experiment that the identity may see."""
    return [one for one in await repository.experiments(session) if identity.sees(one.project)]


def _reply(page: Page, experiments: Sequence[Experiment]) -> dict[str, Any]:
    views = [experiment_view(experiment) for experiment in page.cut(experiments)]
    return {"experiments": views, **page.next(len(experiments))}
