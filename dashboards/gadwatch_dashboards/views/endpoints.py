"""A destination of alerts: what it is told in one line, and the choices of its form."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from gadwatch_dashboards import formats
from gadwatch_dashboards.texts import Texts
from gadwatch_service.alerts.events import SEVERITIES, Kind
from gadwatch_service.alerts.hours import QuietHours
from gadwatch_service.alerts.routing import GRADED, Filters, Policy
from gadwatch_service.alerts.schemas import EndpointView

KINDS = sorted(Kind, key=lambda kind: kind not in GRADED)
GRAVEST_FIRST = SEVERITIES[::-1]
REPEATS = (900.0, 3600.0, 4 * 3600.0, 12 * 3600.0, 24 * 3600.0)
"""Seconds that the form offers besides what is set."""


@dataclass(frozen=True)
class Choice:
    """A box to tick or an entry to select."""

    value: str
    word: str
    chosen: bool


@dataclass(frozen=True)
class EndpointRow:
    """A destination; ``unless`` are the severities from which quiet hours let through."""

    shown: EndpointView
    told: str
    kinds: Sequence[Choice]
    severities: Sequence[Choice]
    unless: Sequence[Choice]
    repeats: Sequence[Choice]


def endpoint_row(endpoint: EndpointView, texts: Texts) -> EndpointRow:
    """A destination in the reader's words."""
    filters, policy = endpoint.filters, endpoint.policy
    quiet = policy.quiet_hours
    unless = quiet.unless if quiet else QuietHours.model_fields["unless"].default
    return EndpointRow(
        shown=endpoint,
        told=told(filters, policy, texts),
        kinds=_choices("event_kind", KINDS, filters.kinds, texts),
        severities=_choices("severity", GRAVEST_FIRST, filters.severities, texts),
        unless=_choices("severity", GRAVEST_FIRST, (unless,), texts),
        repeats=_repeats(policy.repeat_interval_s, texts),
    )


def told(filters: Filters, policy: Policy, texts: Texts) -> str:
    """What an endpoint is told, of which runs, and when not."""
    parts = [_what(filters, texts)]
    for name in ("projects", "runs"):
        patterns = getattr(filters, name)
        if patterns:
            parts.append(texts(f"alerts.told.{name}", names=_comma(patterns, texts)))
    if not policy.send_resolved:
        parts.append(texts("alerts.told.unresolved"))
    parts += _when(policy.quiet_hours, texts)
    if policy.max_per_minute is not None:
        parts.append(texts("alerts.told.rate", count=policy.max_per_minute))
    return " · ".join(parts)


def _what(filters: Filters, texts: Texts) -> str:
    grades = [one for one in GRAVEST_FIRST if _lets(filters.severities, one)]
    kinds = [
        kind for kind in KINDS if _lets(filters.kinds, kind) and (grades or kind not in GRADED)
    ]
    if not kinds or () in (filters.projects, filters.runs):
        return texts("alerts.told.nothing")
    every_grade = len(grades) == len(SEVERITIES)
    if len(kinds) == len(KINDS) and every_grade:
        return texts("alerts.told.everything")
    names = [texts(f"event_kind.{kind}") for kind in kinds]
    if kinds[0] in GRADED and not every_grade:
        words = [texts(f"severity.{one}").lower() for one in grades]
        names[0] = texts("alerts.told.graded", severities=_and(words, texts), kind=names[0])
    return texts("alerts.told.of", what=_comma(names, texts))


def _when(quiet: QuietHours | None, texts: Texts) -> list[str]:
    """Quiet hours, unless they hold nothing back."""
    if quiet is None or quiet.start == quiet.end or quiet.unless == SEVERITIES[0]:
        return []
    spared = SEVERITIES[SEVERITIES.index(quiet.unless) :][::-1]
    return [
        texts(
            "alerts.told.quiet",
            start=quiet.start.isoformat("minutes"),
            end=quiet.end.isoformat("minutes"),
            tz=quiet.tz,
            spared=_and([texts(f"severity.{one}").lower() for one in spared], texts),
        )
    ]


def _lets(chosen: Collection[str] | None, one: str) -> bool:
    return chosen is None or one in chosen


def _choices(
    group: str, known: Sequence[str], chosen: Collection[str] | None, texts: Texts
) -> tuple[Choice, ...]:
    return tuple(Choice(one, texts(f"{group}.{one}"), _lets(chosen, one)) for one in known)


def _repeats(chosen: float | None, texts: Texts) -> tuple[Choice, ...]:
    offered = sorted({*REPEATS, *(() if chosen is None else (chosen,))})
    never = Choice("", texts("alerts.never"), chosen is None)
    return *(Choice(str(one), formats.span(one), one == chosen) for one in offered), never


def _comma(words: Sequence[str], texts: Texts) -> str:
    return texts("alerts.told.comma").join(words)


def _and(words: Sequence[str], texts: Texts) -> str:
    *most, last = words
    return texts("alerts.told.and", most=_comma(most, texts), last=last) if most else last
