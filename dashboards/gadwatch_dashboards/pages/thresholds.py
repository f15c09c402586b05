"""``/runs/{id}/thresholds``: what a run is judged by, and changing it for this run."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse, RedirectResponse
from sqlalchemy.ext.asyncio import AsyncSession

from gadwatch_dashboards.pages import repository
from gadwatch_dashboards.pages.context import Page, back_to
from gadwatch_dashboards.words import title, why
from gadwatch_rules import load_pack, shipped_packs
from gadwatch_service.access.guard import current_identity, requires
from gadwatch_service.access.identity import Identity
from gadwatch_service.errors import Invalid
from gadwatch_service.runs import service
from gadwatch_service.runs.endpoints import keeper_of
from gadwatch_service.runs.schemas import RunChange, RunId
from gadwatch_service.runs.view import RunView
from gadwatch_service.store.database import get_session

router = APIRouter(include_in_schema=False, dependencies=[Depends(requires("write"))])
Database = Annotated[AsyncSession, Depends(get_session, scope="function")]
Asker = Annotated[Identity, Depends(current_identity)]


@dataclass(frozen=True)
class Threshold:
    """One number; ``default`` holds without a change of this run's own."""

    field: str
    name: str
    default: float
    value: float


@dataclass(frozen=True)
class RuleForm:
    """A rule's numbers that its pack names."""

    rule: str
    title: str
    why: str
    thresholds: Sequence[Threshold]


@router.get("/runs/{run_id}/thresholds")
async def show_thresholds(run_id: RunId, request: Request, database: Database) -> HTMLResponse:
    """Every threshold of the run's pack, as a form."""
    page = Page(request, "runs")
    run = await service.get_run(database, run_id, page.identity.sees)
    rules = await forms(database, run, page.lang)
    return page.answer("thresholds.html", run=run, rules=rules)


@router.post("/runs/{run_id}/thresholds")
async def change_thresholds(
    run_id: RunId, request: Request, database: Database, asker: Asker
) -> RedirectResponse:
    """Store what differs from the defaults; the run is judged anew by replay."""
    run = await service.get_run(database, run_id, asker.sees)
    rules = await forms(database, run, "en")
    await database.rollback()  # the change below takes the run's lock in a transaction of its own
    given = await request.form()
    overrides: dict[str, dict[str, float]] = {}
    for rule in rules:
        for threshold in rule.thresholds:
            value = number(str(given.get(threshold.field, "")), threshold.field)
            if value is not None and value != threshold.default:
                overrides.setdefault(rule.rule, {})[threshold.name] = value
    await service.change_run(
        keeper_of(request),
        run_id,
        RunChange(overrides=overrides),
        changer=asker.name,
        sees=asker.sees,
        settings=request.app.state.settings,
    )
    return back_to(f"/runs/{run_id}")


async def forms(database: AsyncSession, run: RunView, lang: str) -> list[RuleForm]:
    """The rules of the run's pack under its project's thresholds, with this run's own."""
    name = run.pack.split("@")[0]
    if name not in shipped_packs():
        return []
    pack = load_pack(name)
    project = await repository.project_overrides(database, run.project)
    found = []
    for entry in pack.entries:
        numbers = [
            (key, float(project.get(entry.id, {}).get(key, entry.thresholds[key])))
            for key in sorted(entry.set_here)
        ]
        found.append(
            RuleForm(
                entry.id,
                title("rules", entry.id, lang),
                why(entry.id, lang),
                [
                    Threshold(
                        f"{entry.id}.{key}",
                        key,
                        default,
                        run.overrides.get(entry.id, {}).get(key, default),
                    )
                    for key, default in numbers
                    if isfinite(default)
                ],
            )
        )
    return [rule for rule in found if rule.thresholds]


def number(text: str, name: str) -> float | None:
    """A threshold as it was typed; ``None`` for an empty field, which means the default."""
    if not text.strip():
        return None
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not isfinite(value):
        raise Invalid(f"{name} is {text!r}: give a number.")
    return value
