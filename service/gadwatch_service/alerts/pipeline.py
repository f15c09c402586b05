"""From events to decisions, stage by stage: route, silence, inhibit, decide, group. Pure.

Invariant: an endpoint hears of each episode of a subject once when it begins, once more for
every time it becomes graver, again after each repeat interval, and of its end if it heard of its
beginning. What a stage keeps back is kept with the moment to look at it again.
"""

from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from gadwatch_service.alerts.events import Event, Item, Kind, Reason, RunFacts, Severity, rank
from gadwatch_service.alerts.routing import Filters, Policy

_LOOK_AGAIN: Final = timedelta(minutes=1)
"""How long an inhibited event waits before its inhibitor is looked for again."""

_REMEMBERED: Final = timedelta(days=1)
"""How long a message is known by its id, so that one that comes again is not told again."""


@dataclass(frozen=True, slots=True)
class Route:
    """An endpoint as the pipeline sees it."""

    endpoint_id: str
    filters: Filters
    policy: Policy


@dataclass(frozen=True, slots=True)
class Silence:
    """Findings that match are not told before ``ends_at``; an absent field matches all."""

    ends_at: datetime
    project: str | None = None
    run_id: str | None = None
    rule: str | None = None


@dataclass(frozen=True, slots=True)
class Notice:
    """What an endpoint knows of one subject. ``told`` is None while it was kept back."""

    event: Event
    told: Severity | None
    told_at: datetime | None
    acknowledged: bool = False
    attempt: int = 1


@dataclass(frozen=True, slots=True)
class Decision:
    """What follows from an event for one endpoint, and when it is to be looked at again."""

    event: Event
    reason: Reason
    review_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Context:
    """Everything besides the events that the decisions for one run depend on."""

    run: RunFacts
    silences: Sequence[Silence]
    open_rules: frozenset[str]
    """The rules with a firing finding in the run."""
    now: datetime
    abandoned: bool = False
    """Nothing has come from the run for so long that telling it again helps nobody."""


def decide_all(
    events: Iterable[Event], route: Route, notices: Mapping[str, Notice], context: Context
) -> list[Decision]:
    """Lead every event through the stages, for one endpoint; ``notices`` by subject."""
    return [_decide(event, route, notices.get(event.subject), context) for event in events]


def _decide(event: Event, route: Route, notice: Notice | None, context: Context) -> Decision:
    if event.state == "resolved":
        # An end that was announced as a beginning is told, whatever silences or filters say now.
        return Decision(event, _end_reason(event, route.policy, notice))
    if notice is not None and notice.attempt != context.run.attempt:
        notice = None  # A rewound run begins anew; only its ends find their beginnings.
    told = notice is not None and notice.told is not None
    if not told and not (route.filters.match_run(context.run) and route.filters.match_event(event)):
        return Decision(event, Reason.NOT_ROUTED)
    if until := silenced_until(event, context):
        return Decision(event, Reason.SILENCED, until)
    if inhibited(event, context.open_rules):
        return Decision(event, Reason.INHIBITED, context.now + _LOOK_AGAIN)
    return _begin(event, route.policy, notice, context)


def silenced_until(event: Event, context: Context) -> datetime | None:
    """The end of the longest silence over an event; verdicts and ends of runs have none."""
    if event.kind in {Kind.VERDICT, Kind.FINISHED}:
        return None
    ends = [
        silence.ends_at
        for silence in context.silences
        if silence.ends_at > context.now
        and silence.project in {None, context.run.project}
        and silence.run_id in {None, context.run.run_id}
        and silence.rule in {None, event.rule}
    ]
    return max(ends, default=None)


def inhibited(event: Event, open_rules: Container[str]) -> bool:
    """Whether a firing finding already says what this one would.

    The rules know which finding makes another one superfluous; here it is looked up whether
    that one still fires.
    """
    return bool(event.inhibited_by) and event.inhibited_by in open_rules


def _end_reason(event: Event, policy: Policy, notice: Notice | None) -> Reason:
    if notice is None or notice.told is None:
        return Reason.NEVER_TOLD
    if event.kind is Kind.VERDICT:
        return Reason.VERDICT_WITHDRAWN
    return Reason.RESOLVED if policy.send_resolved else Reason.NOT_WANTED


def _begin(event: Event, policy: Policy, notice: Notice | None, context: Context) -> Decision:
    now = context.now
    if event.kind is Kind.FINISHED:
        return Decision(event, Reason.FINISHED)
    if event.kind is Kind.MESSAGE:
        known = notice is not None and notice.told is not None
        reason = Reason.NOTHING_NEW if known else Reason.MESSAGE
        return Decision(event, reason, now + _REMEMBERED)
    repeat = (
        timedelta(seconds=policy.repeat_interval_s)
        if policy.repeat_interval_s is not None and event.kind is not Kind.VERDICT
        else None
    )
    later = None if repeat is None else now + repeat
    if notice is None or notice.told is None or notice.told_at is None:
        return Decision(event, _FIRST.get(event.kind, Reason.FIRST), later)
    if rank(event.severity) > rank(notice.told):
        return Decision(event, Reason.WORSE, later)
    if notice.acknowledged:
        return Decision(event, Reason.ACKNOWLEDGED)
    if repeat is None:
        return Decision(event, Reason.NOTHING_NEW)
    if now >= notice.told_at + repeat:
        return Decision(event, Reason.NOTHING_NEW if context.abandoned else Reason.REPEAT, later)
    return Decision(event, Reason.NOTHING_NEW, notice.told_at + repeat)


_FIRST: Final = {Kind.VERDICT: Reason.VERDICT_READY, Kind.STALLED: Reason.STALLED}


@dataclass(frozen=True, slots=True)
class LastMessage:
    """The newest message about a run at an endpoint."""

    created_at: datetime
    severity: Severity


def due_at(
    items: Sequence[Item], policy: Policy, last: LastMessage | None, now: datetime
) -> datetime:
    """When the items of one run are sent: group wait, group interval, quiet hours.

    Verdicts, ends of runs and anything graver than the last message do not wait for company.
    """
    gravest = max((item.event.severity for item in items), key=rank)
    urgent = any(item.event.kind in {Kind.VERDICT, Kind.FINISHED} for item in items)
    due = now if urgent else now + timedelta(seconds=policy.group_wait_s)
    if last is not None and not urgent and rank(gravest) <= rank(last.severity):
        due = max(due, last.created_at + timedelta(seconds=policy.group_interval_s))
    if policy.quiet_hours is not None:
        due = policy.quiet_hours.holds_until(gravest, due) or due
    return due


_CANCEL: Final = frozenset(
    {
        (Reason.FIRST, Reason.RESOLVED),
        (Reason.STALLED, Reason.RESOLVED),
        (Reason.VERDICT_READY, Reason.VERDICT_WITHDRAWN),
        (Reason.RESOLVED, Reason.FIRST),
        (Reason.RESOLVED, Reason.STALLED),
        (Reason.VERDICT_WITHDRAWN, Reason.VERDICT_READY),
    }
)
"""Pairs that leave the reader where they were: neither is told."""


def merge(waiting: Iterable[Item], more: Iterable[Item]) -> list[Item]:
    """Join further items into a message that has not been sent yet, one item a subject."""
    items = {item.event.subject: item for item in waiting}
    for new in more:
        old = items.pop(new.event.subject, None)
        if old is None:
            items[new.event.subject] = new
        elif (old.reason, new.reason) in _CANCEL:
            continue
        elif old.reason is Reason.FIRST and new.reason is Reason.WORSE:
            items[new.event.subject] = Item(reason=Reason.FIRST, event=new.event)
        else:
            items[new.event.subject] = new
    return list(items.values())


_WEIGHT: Final = (
    Reason.VERDICT_WITHDRAWN,
    Reason.STALLED,
    Reason.FIRST,
    Reason.WORSE,
    Reason.VERDICT_READY,
    Reason.FINISHED,
    Reason.MESSAGE,
    Reason.REPEAT,
    Reason.RESOLVED,
)


def main_reason(items: Iterable[Item]) -> Reason:
    """The reason that names a message of several items."""
    return min((item.reason for item in items), key=_WEIGHT.index)
