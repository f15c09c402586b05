"""The events that alerts are about, made of what the rules report. Pure."""

from collections.abc import Iterator
from datetime import datetime, timedelta

import msgspec

from gadwatch_rules.findings import Changes, FindingChange, VerdictChange
from gadwatch_rules.jsonsafe import safe
from gadwatch_service.alerts.events import Event, Kind, Language, RunFacts, Severity

VERDICT = "verdict"
FINISHED = "finished"
STALLED = "stalled"


def events_of(
    changes: Changes, run: RunFacts, ended: bool, now: datetime, lang: Language
) -> list[Event]:
    """One event for each finding, for the verdict and for the run's end; texts in ``lang``.

    Of several changes of one subject the newest counts: the others were over before anybody
    could have been told.
    """
    found = {event.subject: event for event in _all(changes, run, ended, now, lang)}
    return list(found.values())


def concerns_anybody(changes: Changes, ended: bool) -> bool:
    """Whether there could be anything to tell, without looking further."""
    return ended or bool(changes.verdicts) or any(_told(change) for change in changes.findings)


def _told(change: FindingChange) -> bool:
    return change.state == "firing" or (change.state == "resolved" and change.fired)


def _all(
    changes: Changes, run: RunFacts, ended: bool, now: datetime, lang: Language
) -> Iterator[Event]:
    for finding in changes.findings:
        if _told(finding):
            yield _finding(finding, now, lang)
    for verdict in changes.verdicts:
        yield _verdict(verdict, now.isoformat())
    if ended:
        yield _finished(run, now.isoformat())


def _finding(change: FindingChange, now: datetime, lang: Language) -> Event:
    return Event(
        kind=Kind.STALLED if change.rule == STALLED else Kind.FINDING,
        subject=f"{change.rule} {change.metric}",
        state="firing" if change.state == "firing" else "resolved",
        severity=_severity(change.severity),
        step=change.last_step,
        first_step=change.first_step,
        since=_since(change, now).isoformat(),
        text=change.message(lang),
        rule=change.rule,
        metric=change.metric,
        value=safe(change.value),
        limit=change.limit,
        inhibited_by=change.inhibited_by or "",
    )


def _since(change: FindingChange, now: datetime) -> datetime:
    """When it began for those who are told: a silence began with the last thing heard."""
    if change.rule == STALLED and change.state == "firing" and change.value is not None:
        return now - timedelta(seconds=change.value)
    return now


def _severity(word: str) -> Severity:
    severity: Severity = msgspec.convert(word, Severity)
    return severity


def _verdict(change: VerdictChange, now: str) -> Event:
    """Readiness is a state like a finding's: ``firing`` while the verdict is ready."""
    ready = change.verdict == "ready"
    clauses = [dict(clause) for clause in change.clauses]
    return Event(
        kind=Kind.VERDICT,
        subject=VERDICT,
        state="firing" if ready else "resolved",
        severity="info" if ready else "warning",
        step=change.step,
        first_step=change.step,
        since=now,
        verdict=change.verdict,
        clauses=clauses if ready else [one for one in clauses if one.get("status") != "pass"],
    )


def _finished(run: RunFacts, now: str) -> Event:
    return Event(
        kind=Kind.FINISHED,
        subject=FINISHED,
        state="firing",
        severity="info" if run.status == "finished" else "warning",
        step=run.step,
        first_step=run.step,
        since=now,
    )
