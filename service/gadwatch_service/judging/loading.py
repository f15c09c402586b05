import json
import logging
from collections.abc import Mapping
from functools import lru_cache

from psycopg import AsyncConnection

from gadwatch_rules import Engine, PackError
from gadwatch_rules.errors import StateError
from gadwatch_rules.pack import Overrides
from gadwatch_service.errors import NotFound
from gadwatch_service.history.reading import iterate_steps
from gadwatch_service.judging import repository
from gadwatch_service.judging.run import Attempt, JudgedRun
from gadwatch_service.judging.steps import StoredSteps

log = logging.getLogger("gadwatch.judging")


async def load_run(driver: AsyncConnection, run_id: str) -> JudgedRun:
    """The run as the database has it. Raises NotFound.

    The stored engine state is brought up to the newest step by folding the stored steps that it
    has not seen, so that single steps need not store it each time. A state of another engine
    version is derived anew by replay, which is asked for here; until then nothing is known.
    """
    loaded = await repository.load(driver, run_id)
    if loaded is None:
        raise unknown_run(run_id)
    row, found = loaded
    attempts = await repository.load_attempts(driver, run_id)
    laid = _laid_over(found["project_overrides"], found["run_overrides"])
    engine, overrides = _engine_by_usable(
        run_id, attempts[row.attempt], found["warmup_steps"], laid, found["run_overrides"]
    )
    run = JudgedRun(
        run_id=run_id,
        project=found["project"],
        name=found["name"],
        warmup_steps=found["warmup_steps"],
        overrides=overrides,
        metrics=found["metrics"],
        percent=set(found["percent"]),
        row=row,
        attempts=attempts,
        engine=engine,
        state=engine.new_state(),
    )
    if row.engine_state is not None:
        try:
            run.state = engine.load(row.engine_state)
        except StateError:
            if not row.replay_wanted:
                row.version = await repository.ask_replay(driver, run_id)
                row.ask_replay()
            return run
    await _catch_up(driver, run)
    return run


async def take_up_thresholds(driver: AsyncConnection, run: JudgedRun, *, checked: bool) -> None:
    """Go on by the thresholds and the length of the warm-up that are stored now.

    The state of the old ones says nothing any more: it is derived anew by replay. ``checked``
    raises PackError when a threshold does not exist or contradicts another one.
    """
    loaded = await repository.load(driver, run.run_id)
    assert loaded is not None
    _, found = loaded
    run.warmup_steps = found["warmup_steps"]
    laid = _laid_over(found["project_overrides"], found["run_overrides"])
    attempt = run.attempts[run.row.attempt]
    if checked:
        engine_for(attempt, run.warmup_steps, laid)
    run.engine, run.overrides = _engine_by_usable(
        run.run_id, attempt, run.warmup_steps, laid, found["run_overrides"]
    )
    run.state = run.engine.new_state()
    if run.row.last_step is not None:
        run.row.ask_replay()


def _laid_over(project: Overrides, run: Overrides) -> dict[str, dict[str, float]]:
    """The project's thresholds with the run's own laid over them."""
    laid = {rule: dict(limits) for rule, limits in project.items()}
    for rule, limits in run.items():
        laid.setdefault(rule, {}).update(limits)
    return laid


def _engine_by_usable(
    run_id: str, attempt: Attempt, warmup_steps: int | None, laid: Overrides, own: Overrides
) -> tuple[Engine, Overrides]:
    """The engine of a run with the thresholds that it judges by.

    Those of a project and of a run (``own``) are checked apart, and were so by the version that
    stored them. Of a rule that they cannot be laid over together the run's own count alone, or
    none: a run is judged in any case, and the log says without which.
    """
    try:
        return engine_for(attempt, warmup_steps, laid), laid
    except PackError:
        usable = {}
        for rule, limits in laid.items():
            wrong = _fault(rule, limits)
            if wrong is None:
                usable[rule] = limits
                continue
            _tell_left_out(run_id, rule, wrong)
            if rule in own and _fault(rule, own[rule]) is None:
                usable[rule] = own[rule]
        return engine_for(attempt, warmup_steps, usable), usable


def _fault(rule: str, limits: Mapping[str, float]) -> str | None:
    """Why a rule cannot be judged by these thresholds; None when it can."""
    try:
        Engine.for_run(overrides={rule: limits})
    except PackError as error:
        return str(error)
    return None


# Once, for a run is loaded at each look at it.
@lru_cache(maxsize=1024)
def _tell_left_out(run_id: str, rule: str, wrong: str) -> None:
    log.warning("run %s is not judged by the stored thresholds of %s: %s", run_id, rule, wrong)


async def _catch_up(driver: AsyncConnection, run: JudgedRun) -> None:
    row = run.row
    if row.last_step is None or row.state_step == row.last_step:
        return
    first = 0 if row.state_step is None else row.state_step + 1
    steps = iterate_steps(driver, run.run_id, row.attempt, first, row.last_step)
    async for portion in steps:
        run.engine.advance(run.state, StoredSteps(run, portion))
        run.unsaved += len(portion)


def engine_for(attempt: Attempt, warmup_steps: int | None, overrides: Overrides) -> Engine:
    """The engine that judges an attempt from its beginning."""
    return _engine(attempt.stages[0]["stage"], warmup_steps, json.dumps(overrides, sort_keys=True))


@lru_cache(maxsize=256)
def _engine(stage: str | None, warmup_steps: int | None, overrides: str) -> Engine:
    # Percent was turned into fractions when the steps were stored.
    return Engine.for_run(stage, warmup_steps, json.loads(overrides), fractions=True)


def unknown_run(run_id: str) -> NotFound:
    """The problem for a run that is not there, or not for this token."""
    return NotFound(f"There is no run {run_id!r}: create it with POST /api/v1/runs.", run=run_id)
