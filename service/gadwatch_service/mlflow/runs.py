"""Runs as MLflow's clients begin, describe and end them."""

import hashlib
import json
import secrets
from collections.abc import Mapping
from typing import Any, Final

from pydantic import ValidationError
from sqlalchemy.ext.asyncio import AsyncSession

from gadwatch_service.mlflow import experiments, repository
from gadwatch_service.mlflow.errors import invalid, missing
from gadwatch_service.mlflow.meaning import (
    NAME_TAG,
    STAGE_TAG,
    stage_of,
    status_in,
    warmup_steps_of,
)
from gadwatch_service.mlflow.repository import RunRow
from gadwatch_service.mlflow.requests import Door
from gadwatch_service.mlflow.schemas import ARun, CreateRun, UpdateRun
from gadwatch_service.mlflow.views import info_view, run_view
from gadwatch_service.mlflow.wire import int64_in
from gadwatch_service.runs import service
from gadwatch_service.runs.schemas import NewRun, RunChange
from gadwatch_service.store.tables import MlflowRun

NOTHING: Final[Mapping[str, str]] = {}


async def create(door: Door, wish: CreateRun) -> dict[str, Any]:
    """Begin a run.

    MLflow's client repeats a creation whose answer it missed. So the id follows from the request,
    and the same request gets the same run as long as nothing was written to it; who got an answer
    and sends the same again (two seeds begun in one millisecond) gets a run of its own.
    """
    tags = {tag.key: tag.value or "" for tag in wish.tags or ()}
    started = None if wish.start_time is None else int64_in(wish.start_time, "start_time")
    async with door.database.session() as session:
        experiment = await experiments.by_id(session, door.who, wish.experiment_id)
        run_id = _id_for(wish, tags)
        known = await repository.run_row(session, run_id)
        if known is not None and not _untouched(known):
            run_id = secrets.token_hex(16)
        new = _checked(
            NewRun,
            id=run_id,
            name=wish.run_name or tags.get(NAME_TAG) or f"run-{run_id[:8]}",
            project=experiment.project,
            stage=stage_of(tags),
            warmup_steps=warmup_steps_of(NOTHING, tags),
            source="mlflow",
        )
        await service.create_run(
            session,
            new,
            creator=door.who.name,
            sees=door.who.sees,
            now=door.now,
            settings=door.settings,
        )
        await repository.keep_run(
            session,
            MlflowRun(run_id=run_id, user_id=wish.user_id, start_time=started, tags=tags),
        )
        row = await visible(session, door, run_id)
        return run_view(row, experiment.experiment_id, {})


async def get(door: Door, run_id: str) -> dict[str, Any]:
    """A run with the newest value of each metric."""
    async with door.database.session() as session:
        row = await visible(session, door, run_id)
        experiment = await experiments.of_project(session, row[0].project, door.now)
        latest = await repository.latest_values(session, [run_id])
    return run_view(row, experiment.experiment_id, latest.get(run_id, {}))


async def update(door: Door, wish: UpdateRun) -> dict[str, Any]:
    """Rename a run, end it, or go on with one that had ended."""
    run_id = id_of(wish)
    if wish.run_name:
        await change(door, run_id, name=wish.run_name)
    status = None if wish.status is None else status_in(wish.status)
    if status == "running":
        await _go_on(door, run_id)
    elif status is not None:
        await service.finish_run(door.keeper, run_id, status, door.who.sees)
    ended = None if wish.end_time is None else int64_in(wish.end_time, "end_time")
    async with door.database.session() as session:
        row = await visible(session, door, run_id)
        if status is not None:
            await repository.set_end_time(session, run_id, None if status == "running" else ended)
            row = await visible(session, door, run_id)
        experiment = await experiments.of_project(session, row[0].project, door.now)
        return info_view(row, experiment.experiment_id)


async def describe(
    door: Door, run_id: str, params: Mapping[str, str], tags: Mapping[str, str]
) -> None:
    """Lay params over the run's config and tags over its tags, and do what they mean."""
    stage = stage_of(tags)
    async with door.database.session() as session:
        run, _, _ = await visible(session, door, run_id)
        if tags:
            await repository.tag_run(session, run_id, tags)
    changes: dict[str, Any] = {}
    warmup_steps = warmup_steps_of(params, tags)
    if warmup_steps and warmup_steps != run.warmup_steps:
        changes["warmup_steps"] = warmup_steps
    if params:
        changes["config"] = dict(params)
    if stage is not None:
        changes["stage"] = stage
    if tags.get(NAME_TAG):
        changes["name"] = tags[NAME_TAG]
    if changes:
        await change(door, run_id, **changes)


async def untag(door: Door, run_id: str, key: str) -> None:
    """Remove a tag.

    Raises :class:`MlflowError` when the run does not have it.
    """
    if key in (NAME_TAG, STAGE_TAG):
        raise invalid(f"the tag {key} cannot be removed; set it to another value")
    async with door.database.session() as session:
        await visible(session, door, run_id)
        if not await repository.untag_run(session, run_id, key):
            raise missing(f"The run {run_id} has no tag {key!r}.")


async def hide(door: Door, run_id: str, hidden: bool) -> None:
    """Delete a run in MLflow's sense: its clients no longer find it, and can restore it."""
    async with door.database.session() as session:
        await visible(session, door, run_id)
        await repository.hide_run(session, run_id, door.now if hidden else None)


async def count_loss(door: Door, run_id: str, reason: str) -> None:
    """Count something that the client sent with a run and that is not stored."""
    async with door.keeper.hold(run_id, door.who.sees) as hold:
        losses = hold.run.row.losses
        hold.run.row.losses = {**losses, reason: losses.get(reason, 0) + 1}


async def change(door: Door, run_id: str, **values: Any) -> None:
    """Change a run as ``PATCH /runs/{id}`` does."""
    await service.change_run(
        door.keeper,
        run_id,
        _checked(RunChange, **values),
        changer=door.who.name,
        sees=door.who.sees,
        settings=door.settings,
    )


async def visible(session: AsyncSession, door: Door, run_id: str) -> RunRow:
    """A run that the asker may see.

    Raises :class:`MlflowError` when there is none.
    """
    row = await repository.run_row(session, run_id)
    if row is None or not door.who.sees(row[0].project):
        raise missing(f"There is no run {run_id!r}.")
    return row


def id_of(wish: ARun) -> str:
    """The run that a request is about.

    Raises :class:`MlflowError` when it names none.
    """
    run_id = wish.run_id or wish.run_uuid
    if not run_id:
        raise invalid("the request names no run: run_id is missing")
    return run_id


async def _go_on(door: Door, run_id: str) -> None:
    """Resume: the run is at work again, and steps that go back open a new attempt."""
    async with door.keeper.hold(run_id, door.who.sees) as hold:
        run, row = hold.run, hold.run.row
        hold.report(run.engine.finish(run.state, "running"))
        row.status, row.finished_at = "running", None
    async with door.database.session() as session:
        await repository.begin_process(session, run_id, secrets.token_hex(8))


def _id_for(wish: CreateRun, tags: Mapping[str, str]) -> str:
    if wish.start_time is None:
        return secrets.token_hex(16)
    facts = [
        wish.experiment_id,
        wish.user_id,
        str(wish.start_time),
        wish.run_name,
        sorted(tags.items()),
    ]
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:32]


def _untouched(row: RunRow) -> bool:
    run, state, _ = row
    return state.steps == 0 and state.version == 0 and not run.config


def _checked(kind: type[Any], **values: Any) -> Any:
    try:
        return kind(**values)
    except ValidationError as error:
        fault = error.errors()[0]
        raise invalid(f"{fault['loc'][0]}: {fault['msg']}") from None
