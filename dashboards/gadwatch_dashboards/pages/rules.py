"""``/rules``: every shipped pack and rule, explained, and where each fires now."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse
from sqlalchemy.ext.asyncio import AsyncSession

from gadwatch_dashboards import formats
from gadwatch_dashboards.pages import repository
from gadwatch_dashboards.pages.context import Page
from gadwatch_dashboards.texts import Texts
from gadwatch_dashboards.words import advice, title, why
from gadwatch_rules import load_pack, shipped_packs
from gadwatch_rules.pack import Pack, RuleEntry
from gadwatch_service.access.guard import requires
from gadwatch_service.store.database import get_session

router = APIRouter(include_in_schema=False, dependencies=[Depends(requires("read"))])
Database = Annotated[AsyncSession, Depends(get_session, scope="function")]
Firing = Mapping[str, tuple[Sequence[tuple[str, str]], int]]
MANY = 8
"""Most metrics and most runs that a rule names."""


@dataclass(frozen=True)
class RuleText:
    """A rule as people read it; ``first`` where the page shows its id the first time.

    One that watches very many metrics names none.
    """

    rule_id: str
    title: str
    explanation: str
    advice: Sequence[str]
    metrics: Sequence[str]
    thresholds: Sequence[tuple[str, str]]
    source: str
    firing: Sequence[tuple[str, str]]
    firing_more: int
    first: bool


@dataclass(frozen=True)
class PackText:
    """A pack as people read it."""

    name: str
    version: int
    description: str
    rules: Sequence[RuleText]
    gate: Sequence[tuple[str, str]]


@dataclass(frozen=True)
class RulesPage:
    """What the template shows."""

    packs: Sequence[PackText]


@router.get("/rules")
async def show_rules(request: Request, database: Database) -> HTMLResponse:
    """Every rule of every shipped pack."""
    page = Page(request, "rules")
    firing = await repository.firing_by_rule(database, page.identity.projects, MANY)
    seen: set[str] = set()
    packs = [pack_text(load_pack(name), firing, page.lang, seen) for name in shipped_packs()]
    return page.answer("rules.html", page=RulesPage(packs))


def pack_text(pack: Pack, firing: Firing, lang: str, seen: set[str]) -> PackText:
    """A pack's rules in words; ``seen`` collects the ids that have been shown."""
    rules = []
    for entry in pack.entries:
        fires_in = firing.get(entry.id, ((), 0))
        rules.append(rule_text(entry, fires_in, lang, first=entry.id not in seen))
        seen.add(entry.id)
    gate = [] if pack.gate is None else numbers(pack.gate._asdict())
    about = Texts(lang).maybe(f"rules.pack.{pack.name}", pack.description)
    return PackText(pack.name, pack.version, about, rules, gate)


def rule_text(
    entry: RuleEntry, firing: tuple[Sequence[tuple[str, str]], int], lang: str, *, first: bool
) -> RuleText:
    """One rule with the thresholds that its pack names, and how long it holds."""
    named = {key: entry.thresholds[key] for key in entry.thresholds if key in entry.set_here}
    texts = Texts(lang)
    held = texts("rules.of_steps", fire=entry.hold.fire, window=entry.hold.window)
    few = entry.metrics if len(entry.metrics) <= MANY else ()
    return RuleText(
        rule_id=entry.id,
        title=entry.title or title("rules", entry.id, lang),
        explanation=why(entry.id, lang),
        advice=advice(entry.id, lang),
        metrics=few,
        thresholds=[*numbers(named), (texts("rules.fires_on"), held)],
        source=entry.source,
        firing=firing[0],
        firing_more=firing[1],
        first=first,
    )


def numbers(found: Mapping[str, float]) -> list[tuple[str, str]]:
    """Thresholds as text; open bounds are left out."""
    return [
        (key, formats.number(value))
        for key, value in found.items()
        if isinstance(value, int | float) and isfinite(value)
    ]
