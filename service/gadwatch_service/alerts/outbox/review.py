"""Decides anew about what goes on: repeats, ends of silences, inhibitions that have gone."""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from gadwatch_service.alerts.events import Event, Kind, Language
from gadwatch_service.alerts.outbox import repository
from gadwatch_service.alerts.outbox.record import record_events
from gadwatch_service.store.database import Database

_BATCH: Final = 200

_ABANDONED: Final = timedelta(days=1)
"""After such a silence a run was given up without a word: it is not told again and again."""

AssessStored = Callable[[AsyncConnection, str, Language], Awaitable[dict[str, Any]]]
"""Gives the assessment of a stored run, by its id, in a language."""


async def review_due(database: Database, now: datetime, assess: AssessStored) -> bool:
    """Lead every due notice through the pipeline again, a transaction a run and endpoint.

    Says whether there may be more.
    """
    async with database.connection() as connection:
        due = await repository.list_due_reviews(connection, now, _BATCH)
    for run_id, endpoint_id in due:
        async with database.connection() as connection, connection.begin():
            await _review(connection, run_id, endpoint_id, now, assess)
    return len(due) == _BATCH


async def _review(
    connection: AsyncConnection,
    run_id: str,
    endpoint_id: str,
    now: datetime,
    assess: AssessStored,
) -> None:
    run = await repository.get_run(connection, run_id)
    if run is None:
        await repository.drop_notices_of_run(connection, run_id)
        return
    if not await repository.lock_run(connection, run_id):
        return  # Somebody writes to the run now; the next round comes soon.
    due = await repository.due_events(connection, run_id, endpoint_id, now)
    targets = await repository.list_targets(connection, [endpoint_id])
    firing = await repository.list_firing_subjects(connection, run_id)
    going_on = [event for event in due if event.kind is Kind.VERDICT or event.subject in firing]
    gone = [event.subject for event in due if not targets or event not in going_on]
    if gone:
        # Rewound by a new attempt, or the endpoint is disabled: there is no end to tell.
        await repository.drop_notices(connection, run_id, endpoint_id, gone)
    if not targets or not going_on:
        return
    lang = targets[0].policy.lang
    assessment = await assess(connection, run_id, lang)
    events = [_as_it_stands(event, assessment) for event in going_on]
    seen = await repository.last_seen(connection, run_id)
    await record_events(
        connection,
        run,
        {lang: events},
        targets,
        now,
        assess=lambda _lang: assessment,
        abandoned=run.status == "stalled" and seen is not None and now - seen > _ABANDONED,
    )


def _as_it_stands(event: Event, assessment: dict[str, Any]) -> Event:
    """The event with what the assessment says of its finding now: it may be hours old."""
    for finding in assessment["findings"]:
        if f"{finding['rule']} {finding['metric']}" == event.subject:
            return msgspec.structs.replace(
                event,
                step=finding["last_step"],
                value=finding["value"],
                limit=finding["limit"],
                text=finding["message"],
            )
    return event
