"""The way from a change to outbox rows.

1. The events of the change, in each language that an enabled endpoint speaks.
2. For each endpoint, the decisions of the pipeline over what it was told before.
3. Notices: what it knows from now on. Deliveries: what it is sent, joined to a message about
   the run that still waits.
4. A wake-up for the workers, when the transaction commits.
"""

import secrets
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy.ext.asyncio import AsyncConnection

from gadwatch_rules.findings import Changes
from gadwatch_service.alerts.events import (
    Event,
    Item,
    Kind,
    Language,
    Message,
    Reason,
    RunFacts,
    Story,
    rank,
)
from gadwatch_service.alerts.outbox import repository
from gadwatch_service.alerts.outbox.occasions import concerns_anybody, events_of
from gadwatch_service.alerts.outbox.repository import NewestDelivery
from gadwatch_service.alerts.pipeline import (
    Context,
    Decision,
    LastMessage,
    Notice,
    Route,
    decide_all,
    due_at,
    main_reason,
    merge,
)

_MOST_ITEMS: Final = 100
"""A message that has grown so long waits as it is; what comes then is the next one's."""

Assess = Callable[[Language], dict[str, Any]]
"""Gives the run's assessment, JSON-safe, with its texts in a language."""


async def record_changes(
    connection: AsyncConnection,
    run: RunFacts,
    changes: Changes,
    now: datetime,
    *,
    assess: Assess,
    ended: bool = False,
) -> None:
    """Write the outbox rows that ``changes`` call for, in the caller's transaction.

    The caller holds the run's row lock. ``ended`` says that the run has just ended, with
    ``run.status``. Costs nothing when nothing began or ended, one query without endpoints.
    """
    if not concerns_anybody(changes, ended):
        return
    targets = await repository.list_targets(connection)
    if not targets:
        return
    languages = {target.policy.lang for target in targets}
    events = {lang: events_of(changes, run, ended, now, lang) for lang in languages}
    await record_events(connection, run, events, targets, now, assess=assess)
    if ended:
        # Nothing goes on in a run that has ended: no repeats, and no end to wait for.
        await repository.drop_notices_of_run(connection, run.run_id)


async def record_events(
    connection: AsyncConnection,
    run: RunFacts,
    events: dict[Language, list[Event]],
    targets: Sequence[Route],
    now: datetime,
    *,
    assess: Assess,
    abandoned: bool = False,
) -> None:
    """Lead events of one run through the pipeline for every target, and store what follows."""
    run_id = run.run_id
    subjects = {event.subject for spoken in events.values() for event in spoken}
    notices = await repository.lock_notices(connection, run_id, subjects)
    context = Context(
        run=run,
        silences=await repository.list_silences(connection, run_id, run.project, now),
        open_rules=await repository.list_open_rules(connection, run_id, run.attempt),
        now=now,
        abandoned=abandoned,
    )
    newest = await repository.newest_deliveries(connection, run_id)
    sent = False
    for target in targets:
        known = notices.get(target.endpoint_id, {})
        decisions = decide_all(events[target.policy.lang], target, known, context)
        await _store_notices(connection, run, target, decisions, known, now=now)
        items = [_item(decision, known) for decision in decisions if decision.reason.sends]
        if items:
            last = newest.get(target.endpoint_id)
            story = Story(run=run, items=items, assessment=assess(target.policy.lang))
            await _store_delivery(connection, target, story, last, now)
            sent = True
    if sent:
        await repository.wake_workers(connection)


def _item(decision: Decision, known: dict[str, Notice]) -> Item:
    """What is told; ``since`` is when the subject began, not when it was last told."""
    notice = known.get(decision.event.subject)
    event = decision.event
    if notice is not None and event.kind is not Kind.VERDICT:
        event = event.began(notice.event.since)
    return Item(reason=decision.reason, event=event)


async def _store_notices(
    connection: AsyncConnection,
    run: RunFacts,
    target: Route,
    decisions: Sequence[Decision],
    known: dict[str, Notice],
    *,
    now: datetime,
) -> None:
    lasting = [
        decision
        for decision in decisions
        if decision.event.kind is not Kind.FINISHED and decision.reason is not Reason.NOT_ROUTED
    ]
    over = [
        decision.event.subject
        for decision in lasting
        if decision.event.state == "resolved" and decision.event.subject in known
    ]
    going_on = [
        (_after(decision, known.get(decision.event.subject), run.attempt, now), decision.review_at)
        for decision in lasting
        if decision.event.state == "firing"
    ]
    if over:
        await repository.drop_notices(connection, run.run_id, target.endpoint_id, over)
    if going_on:
        await repository.put_notices(
            connection, run.run_id, target.endpoint_id, run.attempt, going_on
        )


def _after(decision: Decision, before: Notice | None, attempt: int, now: datetime) -> Notice:
    """What the endpoint knows once the decision is carried out."""
    event = decision.event
    if before is not None and before.attempt != attempt:
        before = None
    if before is not None:
        event = event.began(before.event.since)
    if not decision.reason.sends:
        if before is None:
            return Notice(event, None, None)
        return Notice(event, before.told, before.told_at, before.acknowledged)
    told = event.severity
    if before is not None and before.told is not None and rank(before.told) > rank(told):
        told = before.told
    return Notice(event, told, now)


async def _store_delivery(
    connection: AsyncConnection,
    target: Route,
    story: Story,
    newest: NewestDelivery | None,
    now: datetime,
) -> None:
    """Join the story to the run's waiting message, or make a new one."""
    run_id = story.run.run_id
    last = None if newest is None else LastMessage(newest.created_at, newest.message.severity)
    due = due_at(story.items, target.policy, last, now)
    waiting = newest.message.stories[0].items if newest is not None and newest.waiting else []
    if newest is not None and 0 < len(waiting) < _MOST_ITEMS:
        items = merge(waiting, story.items)
        if items:
            joined = Story(run=story.run, items=items, assessment=story.assessment)
            taken = await repository.extend_waiting(
                connection,
                run_id,
                newest.delivery_id,
                _message(target, joined),
                min(newest.due_at or due, due),
            )
        else:
            taken = await repository.cancel_waiting(connection, run_id, newest.delivery_id, now)
        if taken:
            return
        # A worker has claimed it meanwhile: what is new needs a message of its own.
    await repository.add_delivery(
        connection,
        run_id,
        new_delivery_id(),
        target.endpoint_id,
        _message(target, story),
        created_at=now,
        due_at=due,
    )


def _message(target: Route, story: Story) -> Message:
    return Message(reason=main_reason(story.items), lang=target.policy.lang, stories=[story])


def new_delivery_id() -> str:
    """A name for a delivery, the same at each of its attempts."""
    return f"msg_{secrets.token_hex(12)}"
