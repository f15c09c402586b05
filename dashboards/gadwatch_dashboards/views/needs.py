"""Which runs need somebody, why, and what to do: the first thing that the list of runs says."""

from collections.abc import Sequence
from dataclasses import dataclass

from gadwatch_dashboards.formats import number
from gadwatch_dashboards.texts import Texts
from gadwatch_dashboards.views.badges import Badge, badge
from gadwatch_dashboards.views.run import GRAVE, anchor_of
from gadwatch_dashboards.words import advice, title
from gadwatch_service.store.tables import Finding


@dataclass(frozen=True)
class Need:
    """A run that is ill or has failed: by what, since when, and the first thing to try."""

    run_id: str
    name: str
    severity: Badge
    why: str
    anchor: str
    todo: str


@dataclass(frozen=True)
class Needs:
    """Who needs somebody; those that begin with ``more`` count who is not shown.

    ``ready`` are running warm-ups, ``(id, name)``, that may be handed over.
    """

    ill: Sequence[Need] = ()
    more: int = 0
    failed: Sequence[Need] = ()
    more_failed: int = 0
    ready: Sequence[tuple[str, str]] = ()
    more_ready: int = 0


def need(finding: Finding, name: str, texts: Texts) -> Need:
    """A run by the gravest of its findings."""
    said = advice(finding.rule, texts.lang)
    return Need(
        run_id=finding.run_id,
        name=name,
        severity=badge("severity", finding.severity, texts),
        why=short(finding, texts),
        anchor=anchor_of(finding.rule, finding.metric, finding.first_step),
        todo=said[0] if said else "",
    )


def failure(
    run_id: str, name: str, last_step: int | None, finding: Finding | None, texts: Texts
) -> Need:
    """A run that failed; what ailed it then, if anything grave, says what to try."""
    anchor, todo = "status", texts("needs.resume")
    if finding is not None and finding.severity in GRAVE:
        ailed = need(finding, name, texts)
        anchor = ailed.anchor
        todo = texts("needs.ailed", ailment=ailed.why, advice=ailed.todo or todo)
    return Need(
        run_id=run_id,
        name=name,
        severity=badge("status", "failed", texts),
        why=texts("needs.failed", step=number(last_step)),
        anchor=anchor,
        todo=todo,
    )


def short(finding: Finding, texts: Texts) -> str:
    """A finding in a few words: ``Broken number since step 75``."""
    since = texts("finding.since", first=number(finding.first_step))
    return f"{title('rules', finding.rule, texts.lang)} {since}"
