"""Decisions: who is told of what, and when."""

from datetime import UTC, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from gadwatch_service.alerts.events import Event, Item, Kind, Reason, RunFacts, Severity
from gadwatch_service.alerts.hours import QuietHours
from gadwatch_service.alerts.pipeline import (
    Context,
    Decision,
    LastMessage,
    Notice,
    Route,
    Silence,
    decide_all,
    due_at,
    main_reason,
    merge,
)
from gadwatch_service.alerts.routing import DEFAULT_FILTERS, Filters, Policy

NOW = datetime(2025, 3, 1, 12, 0, tzinfo=UTC)
RUN = RunFacts(run_id="r1", name="warmup-7", project="gad", stage="warmup", step=145)


def event(
    severity: Severity = "warning",
    state: str = "firing",
    *,
    kind: Kind = Kind.FINDING,
    rule: str = "d_acc_band",
    inhibited_by: str = "",
) -> Event:
    return Event(
        kind=kind,
        subject=f"{rule} critic/d_acc" if kind is Kind.FINDING else str(kind),
        state=state,  # type: ignore[arg-type]
        severity=severity,
        step=145,
        first_step=143,
        since=NOW.isoformat(),
        rule=rule,
        metric="critic/d_acc",
        inhibited_by=inhibited_by,
    )


def decide(
    one: Event,
    *,
    told: Severity | None = None,
    told_before: timedelta = timedelta(minutes=5),
    notice: Notice | None = None,
    filters: Filters = DEFAULT_FILTERS,
    policy: Policy | None = None,
    silences: tuple[Silence, ...] = (),
    open_rules: frozenset[str] = frozenset(),
) -> Decision:
    if told is not None:
        notice = Notice(one, told, NOW - told_before)
    notices = {} if notice is None else {one.subject: notice}
    context = Context(RUN, silences, open_rules, NOW)
    route = Route("ep", filters, policy or Policy())
    [decision] = decide_all([one], route, notices, context)
    return decision


@pytest.mark.parametrize(
    ("one", "told", "reason"),
    [
        (event(), None, Reason.FIRST),
        (event(), "warning", Reason.NOTHING_NEW),
        (event("critical"), "warning", Reason.WORSE),
        (event("warning"), "critical", Reason.NOTHING_NEW),
        (event("notice"), None, Reason.NOT_ROUTED),
        (event(state="resolved"), "warning", Reason.RESOLVED),
        (event(state="resolved"), None, Reason.NEVER_TOLD),
        (event("notice", "resolved"), "critical", Reason.RESOLVED),
        (event("info", kind=Kind.VERDICT), None, Reason.VERDICT_READY),
        (event("info", kind=Kind.VERDICT), "info", Reason.NOTHING_NEW),
        (event("warning", "resolved", kind=Kind.VERDICT), "info", Reason.VERDICT_WITHDRAWN),
        (event("warning", "resolved", kind=Kind.VERDICT), None, Reason.NEVER_TOLD),
        (event(kind=Kind.STALLED), None, Reason.STALLED),
        (event("critical", kind=Kind.STALLED), "warning", Reason.WORSE),
        (event("info", kind=Kind.FINISHED), None, Reason.FINISHED),
    ],
)
def test_every_event_gets_a_reason(one: Event, told: Severity | None, reason: Reason) -> None:
    assert decide(one, told=told).reason is reason


def test_what_goes_on_is_told_again_after_the_repeat_interval() -> None:
    policy = Policy(repeat_interval_s=3600)
    early = decide(event(), told="warning", told_before=timedelta(minutes=59), policy=policy)
    assert early.reason is Reason.NOTHING_NEW
    assert early.review_at == NOW + timedelta(minutes=1)
    late = decide(event(), told="warning", told_before=timedelta(hours=1), policy=policy)
    assert late.reason is Reason.REPEAT
    assert late.review_at == NOW + timedelta(hours=1)
    never = Policy(repeat_interval_s=None)
    assert decide(event(), told="warning", policy=never).review_at is None


def test_an_acknowledged_finding_is_told_again_only_when_it_becomes_graver() -> None:
    taken = Notice(event(), "warning", NOW - timedelta(days=1), acknowledged=True)
    assert decide(event(), notice=taken).reason is Reason.ACKNOWLEDGED
    assert decide(event("critical"), notice=taken).reason is Reason.WORSE


def test_a_rewound_run_begins_anew_but_old_ends_are_told() -> None:
    old = Notice(event(), "critical", NOW, attempt=0)
    assert decide(event(), notice=old).reason is Reason.FIRST
    assert decide(event(state="resolved"), notice=old).reason is Reason.RESOLVED


@pytest.mark.parametrize(
    ("silence", "kept"),
    [
        (Silence(NOW + timedelta(hours=1), run_id="r1"), True),
        (Silence(NOW + timedelta(hours=1), project="gad", rule="d_acc_band"), True),
        (Silence(NOW + timedelta(hours=1), rule="other"), False),
        (Silence(NOW + timedelta(hours=1), project="other"), False),
        (Silence(NOW, run_id="r1"), False),
    ],
)
def test_a_silence_keeps_back_what_it_matches_until_it_ends(silence: Silence, kept: bool) -> None:
    decision = decide(event("critical"), silences=(silence,))
    assert (decision.reason is Reason.SILENCED) is kept
    assert not kept or decision.review_at == silence.ends_at


def test_the_longest_silence_counts_and_neither_ends_nor_verdicts_are_silenced() -> None:
    silences = tuple(Silence(NOW + timedelta(hours=h), run_id="r1") for h in (2, 5, 1))
    assert decide(event(), silences=silences).review_at == NOW + timedelta(hours=5)
    ready = event("info", kind=Kind.VERDICT)
    assert decide(ready, silences=silences).reason is Reason.VERDICT_READY
    over = event(state="resolved")
    assert decide(over, told="warning", silences=silences).reason is Reason.RESOLVED


def test_an_inhibited_finding_waits_while_its_inhibitor_fires() -> None:
    one = event(inhibited_by="finite")
    kept = decide(one, open_rules=frozenset({"finite"}))
    assert kept.reason is Reason.INHIBITED
    assert kept.review_at is not None
    assert decide(one, open_rules=frozenset({"other"})).reason is Reason.FIRST


@pytest.mark.parametrize(
    ("filters", "told"),
    [
        (Filters(), True),
        (Filters(projects=("gad",)), True),
        (Filters(projects=("ga*",), runs=("warmup-*",)), True),
        (Filters(runs=("r1",)), True),
        (Filters(runs=("stage2-*",)), False),
        (Filters(projects=("other",)), False),
        (Filters(severities=("critical",)), False),
        (Filters(kinds=(Kind.VERDICT,)), False),
    ],
)
def test_endpoints_choose_by_project_run_severity_and_kind(filters: Filters, told: bool) -> None:
    assert (decide(event(), filters=filters).reason is Reason.FIRST) is told


def test_severities_do_not_hold_back_verdicts() -> None:
    filters = Filters(severities=("critical",))
    assert decide(event("info", kind=Kind.VERDICT), filters=filters).reason.sends


def test_ends_are_told_only_where_they_are_wanted() -> None:
    policy = Policy(send_resolved=False)
    decision = decide(event(state="resolved"), told="warning", policy=policy)
    assert decision.reason is Reason.NOT_WANTED


def item(reason: Reason = Reason.FIRST, **about: object) -> Item:
    return Item(reason=reason, event=event(**about))  # type: ignore[arg-type]


def test_the_first_message_goes_at_once_and_the_next_ones_gather() -> None:
    policy = Policy(group_interval_s=30)
    assert due_at([item()], policy, None, NOW) == NOW
    last = LastMessage(NOW - timedelta(seconds=10), "warning")
    assert due_at([item()], policy, last, NOW) == NOW + timedelta(seconds=20)
    old = LastMessage(NOW - timedelta(hours=1), "warning")
    assert due_at([item()], policy, old, NOW) == NOW


def test_what_is_graver_and_verdicts_do_not_wait_for_company() -> None:
    policy = Policy(group_wait_s=60, group_interval_s=300)
    last = LastMessage(NOW, "warning")
    assert due_at([item(severity="critical")], policy, last, NOW) == NOW + timedelta(seconds=60)
    ready = item(Reason.VERDICT_READY, severity="info", kind=Kind.VERDICT)
    assert due_at([ready], policy, last, NOW) == NOW


@pytest.mark.parametrize(
    ("here", "severity", "until"),
    [
        ("2025-03-01T23:30+01:00", "warning", "2025-03-02T07:00+01:00"),
        ("2025-03-01T03:00+01:00", "warning", "2025-03-01T07:00+01:00"),
        ("2025-03-01T22:00+01:00", "info", "2025-03-02T07:00+01:00"),
        ("2025-03-01T07:00+01:00", "warning", None),
        ("2025-03-01T21:59+01:00", "warning", None),
        ("2025-03-01T03:00+01:00", "critical", None),
        # The night in which the clocks go forward is an hour shorter.
        ("2025-03-29T23:00+01:00", "warning", "2025-03-30T07:00+02:00"),
    ],
)
def test_quiet_hours_hold_back_until_the_morning_of_their_zone(
    here: str, severity: str, until: str | None
) -> None:
    hours = QuietHours(start=time(22), end=time(7), tz="Europe/Berlin")
    now = datetime.fromisoformat(here).astimezone(UTC)
    expected = None if until is None else datetime.fromisoformat(until)
    assert hours.holds_until(severity, now) == expected


def test_quiet_hours_within_a_day_and_unknown_zones() -> None:
    lunch = QuietHours(start=time(12), end=time(13), unless="warning")
    assert lunch.holds_until("notice", NOW) == NOW + timedelta(hours=1)
    assert lunch.holds_until("warning", NOW) is None
    with pytest.raises(ValidationError, match="Europe/Berlin"):
        QuietHours(start=time(1), end=time(2), tz="Mars/Base")


@given(st.datetimes(timezones=st.just(UTC)), st.times(), st.times())
def test_quiet_hours_end_within_a_day_and_nothing_is_held_at_their_end(
    now: datetime, start: time, end: time
) -> None:
    hours = QuietHours(start=start.replace(tzinfo=None), end=end.replace(tzinfo=None))
    until = hours.holds_until("info", now) if now.year < 9999 else None
    if until is not None:
        assert now < until <= now + timedelta(days=1)
        assert hours.holds_until("info", until) is None


def test_a_beginning_and_its_end_in_one_waiting_message_cancel_out() -> None:
    assert merge([item()], [item(Reason.RESOLVED, state="resolved")]) == []
    assert merge([item(Reason.RESOLVED, state="resolved")], [item()]) == []
    [kept] = merge([item(Reason.WORSE)], [item(Reason.RESOLVED, state="resolved")])
    assert kept.reason is Reason.RESOLVED


def test_a_new_finding_that_became_graver_while_it_waited_is_still_new() -> None:
    [one] = merge([item()], [item(Reason.WORSE, severity="critical")])
    assert (one.reason, one.event.severity) == (Reason.FIRST, "critical")


REASONS = st.sampled_from([Reason.FIRST, Reason.WORSE, Reason.REPEAT, Reason.RESOLVED])


@given(st.lists(st.tuples(REASONS, st.sampled_from("abc")), max_size=12))
def test_a_merged_message_has_one_item_a_subject(story: list[tuple[Reason, str]]) -> None:
    items: list[Item] = []
    for reason, rule in story:
        state = "resolved" if reason is Reason.RESOLVED else "firing"
        items = merge(items, [item(reason, rule=rule, state=state)])
    subjects = [one.event.subject for one in items]
    assert len(subjects) == len(set(subjects))
    if items:
        assert main_reason(items) in {one.reason for one in items}
