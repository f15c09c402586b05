"""Runs: created, listed, changed, ended, assessed.

For pages::

    page = await list_runs(session, RunQuery(project="gad-7b", sort="-last_seen"))  # .runs
    run = await get_run(session, run_id, identity.sees)          # RunView
    assessment = await assess_run(session, run_id, identity.sees)  # gadwatch_rules.Assessment
"""

import json
import secrets
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from gadwatch_rules import PackError
from gadwatch_rules.assessment import Assessment
from gadwatch_service.errors import Conflict, Invalid
from gadwatch_service.judging import repository as judging
from gadwatch_service.judging.hold import Hold
from gadwatch_service.judging.keeper import Keeper
from gadwatch_service.judging.loading import engine_for, load_run, take_up_thresholds, unknown_run
from gadwatch_service.runs import repository
from gadwatch_service.runs.query import RunQuery
from gadwatch_service.runs.repository import Page
from gadwatch_service.runs.schemas import NewRun, RunChange
from gadwatch_service.runs.view import RunView
from gadwatch_service.settings import Settings
from gadwatch_service.store.database import driver_connection
from gadwatch_service.store.tables import Attempt

Sees = Callable[[str], bool]
"""Whether the runs of a project exist for whoever asks: ``identity.sees``."""


def everything(_project: str) -> bool:
    """Sees every project."""
    return True


async def create_run(
    session: AsyncSession,
    wish: NewRun,
    *,
    creator: str,
    sees: Sees,
    now: datetime,
    settings: Settings,
) -> tuple[RunView, bool]:
    """Create a run, or get the one of the same id as it is; and whether it was created.

    Raises Conflict when the id belongs to a project that the asker does not see or that differs
    from the one named.
    """
    check_config(wish.config, settings)
    run_id = wish.id or secrets.token_hex(8)
    created = await repository.add_run(
        session,
        {
            "run_id": run_id,
            "project": wish.project,
            "name": wish.name or run_id,
            "group_name": wish.group,
            "created_at": now,
            "created_by": creator,
            "warmup_steps": wish.warmup_steps,
            "config": wish.config,
            "tags": wish.tags,
            "source": wish.source,
            "overrides": {},
            "metrics": [],
            "percent": [],
        },
        wish.stage,
    )
    run = await repository.find_run(session, run_id)
    assert run is not None
    named = "project" in wish.model_fields_set
    if not sees(run.project) or (named and run.project != wish.project):
        raise Conflict(
            f"The run id {run_id!r} is taken by another project: choose another id.", run=run_id
        )
    return run, created


async def get_run(session: AsyncSession, run_id: str, sees: Sees = everything) -> RunView:
    """A run with its details. Raises NotFound."""
    run = await repository.find_run(session, run_id)
    if run is None or not sees(run.project):
        raise unknown_run(run_id)
    return run


async def get_attempts(session: AsyncSession, run_id: str) -> Sequence[Attempt]:
    """The run's attempts in order."""
    return await repository.find_attempts(session, run_id)


async def list_runs(session: AsyncSession, query: RunQuery) -> Page:
    """One page of runs, by one statement. Raises Invalid for an unknown sort or cursor."""
    return await repository.list_runs(session, query)


async def assess_run(
    session: AsyncSession, run_id: str, sees: Sees = everything, lang: str = "en"
) -> Assessment:
    """What is known of the run now. Raises NotFound."""
    await get_run(session, run_id, sees)
    return await assess_seen(session, run_id, lang)


async def assess_seen(session: AsyncSession, run_id: str, lang: str = "en") -> Assessment:
    """The same for who has found the run already and may see it."""
    judged = await load_run(await driver_connection(await session.connection()), run_id)
    return judged.engine.assess(judged.state, run_id, lang)


async def set_stage(hold: Hold, stage: str, step: int | None) -> None:
    """Judge the run by another stage's pack from behind ``step`` on."""
    run, row = hold.run, hold.run.row
    behind = row.last_step if step is None else step
    if stage == row.stage:
        return
    if row.last_step is None:
        # Nothing was judged yet: the run simply begins in this stage.
        attempt = run.attempts[row.attempt]
        attempt.stages = [{"stage": stage, "step": None, "at": hold.now.isoformat()}]
        run.engine = engine_for(attempt, run.warmup_steps, run.overrides)
        run.state = run.engine.new_state()
        hold.judged = True
    else:
        attempt = run.attempts[row.attempt]
        change = {"stage": stage, "step": behind, "at": hold.now.isoformat()}
        attempt.stages = [*attempt.stages, change]
        hold.report(run.engine.set_stage(run.state, stage, (behind or 0) + 1))
        if behind != row.last_step:
            row.ask_replay()
    row.stage = stage
    await judging.save_attempt(hold.driver, run.run_id, attempt)


async def finish_run(keeper: Keeper, run_id: str, status: str, sees: Sees = everything) -> None:
    """End the run; ending it again changes nothing but the status."""
    async with keeper.hold(run_id, sees) as hold:
        run, row = hold.run, hold.run.row
        hold.report(run.engine.finish(run.state, status))
        row.status = status
        row.finished_at = row.finished_at or hold.now
        row.stall_due_at = row.promised_until = None


async def change_run(
    keeper: Keeper,
    run_id: str,
    change: RunChange,
    *,
    changer: str,
    sees: Sees,
    settings: Settings,
) -> None:
    """Change what the fields of ``change`` name. New thresholds are judged by replay."""
    given = change.model_fields_set
    async with keeper.hold(run_id, sees) as hold:
        values: dict[str, Any] = {
            column: getattr(change, name)
            for name, column in (("name", "name"), ("group", "group_name"), ("tags", "tags"))
            if name in given and (name == "group" or getattr(change, name) is not None)
        }
        async with AsyncSession(
            hold.connection, join_transaction_mode="create_savepoint"
        ) as session:
            if change.config is not None:
                known = await repository.find_run(session, run_id)
                assert known is not None
                values["config"] = {**known.config, **change.config}
                check_config(values["config"], settings)
            if "warmup_steps" in given and change.warmup_steps != hold.run.warmup_steps:
                values["warmup_steps"] = change.warmup_steps
            if change.overrides is not None:
                values["overrides"] = change.overrides
                values["overrides_changed_by"] = changer
                values["overrides_changed_at"] = hold.now
            hold.run.name = values.get("name", hold.run.name)
            if values:
                await repository.update_run(session, run_id, values)
            await session.commit()
        if {"warmup_steps", "overrides"} & values.keys():
            await _reload(hold, checked="overrides" in values)
        if change.stage is not None:
            await set_stage(hold, change.stage, None)


async def _reload(hold: Hold, *, checked: bool) -> None:
    try:
        await take_up_thresholds(hold.driver, hold.run, checked=checked)
    except PackError as error:
        raise Invalid(f"overrides: {error}.") from None
    hold.judged = True


async def delete_run(session: AsyncSession, run_id: str, sees: Sees) -> None:
    """Remove a run and everything about it. Raises NotFound."""
    await get_run(session, run_id, sees)
    await repository.delete_run(session, run_id)


def check_config(config: dict[str, Any], settings: Settings) -> None:
    """Refuse a configuration that is too large or that jsonb cannot hold."""
    try:
        text = json.dumps(config, allow_nan=False)
    except (ValueError, RecursionError):
        raise Invalid(
            "config: NaN, infinities and very deep nesting cannot be stored; send them as text."
        ) from None
    if "\\u0000" in text:
        raise Invalid("config: the character U+0000 cannot be stored.")
    if len(text) > settings.max_config_bytes:
        raise Invalid(
            f"config: {len(text)} bytes of JSON exceed max_config_bytes "
            f"({settings.max_config_bytes}).",
            limit_name="max_config_bytes",
            limit=settings.max_config_bytes,
        )
