"""``/findings``: the findings of all runs."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import HTMLResponse
from sqlalchemy.ext.asyncio import AsyncSession

from gadwatch_dashboards.formats import signs
from gadwatch_dashboards.pages import repository
from gadwatch_dashboards.pages.context import Page
from gadwatch_dashboards.pages.findings_of import LEARNING, as_dict
from gadwatch_dashboards.pages.repository import FindingQuery
from gadwatch_dashboards.texts import Texts
from gadwatch_dashboards.views.badges import LOOKS, Badge, badge
from gadwatch_dashboards.views.run import SEVERITIES, anchor_of, steps_of
from gadwatch_dashboards.views.runs import Tally
from gadwatch_dashboards.words import title
from gadwatch_rules import load_pack, shipped_packs
from gadwatch_service.access.guard import requires
from gadwatch_service.store.database import get_session

router = APIRouter(include_in_schema=False, dependencies=[Depends(requires("read"))])
Database = Annotated[AsyncSession, Depends(get_session, scope="function")]
STATES = ("firing", "pending", "resolved")


@dataclass(frozen=True)
class Row:
    """A finding of some run."""

    run_id: str
    run_name: str
    project: str
    anchor: str
    rule: str
    metric: str
    severity: Badge
    state: Badge
    message: str
    steps: str
    changed_at: datetime
    acknowledged_by: str | None


@dataclass(frozen=True)
class FindingsPage:
    """What the template shows."""

    rows: Sequence[Row]
    tallies: Sequence[Tally]
    query: dict[str, str]
    choices: Sequence[tuple[str, Sequence[tuple[str, str]]]]
    filtered: bool
    next_cursor: str | None


@router.get("/findings")
async def show_findings(
    request: Request, database: Database, cursor: Annotated[str, Query(max_length=1000)] = ""
) -> HTMLResponse:
    """What fires now, the newest change first; all filters are in the address."""
    page = Page(request, "findings")
    seen = page.identity.projects
    given = request.query_params
    query = {name: given.get(name, "")[:200] for name in ("severity", "project", "rule")}
    query["state"] = given.get("state", "firing")
    state = query["state"] if query["state"] in STATES else ""
    found, following = await repository.findings(
        database,
        FindingQuery(
            state=state,
            severity=query["severity"],
            project=query["project"],
            rule=query["rule"],
            projects=seen,
            not_resolved_as=LEARNING,
            cursor=cursor,
        ),
    )
    open_now = await repository.open_counts(database, seen, query["project"])
    projects = [one.name for one in await repository.project_settings(database, seen)]
    shown = FindingsPage(
        rows=[_row(row, page.texts) for row in found],
        tallies=_tallies(open_now, query, page.texts),
        query=query,
        choices=_choices(projects, page.texts),
        filtered=any(query[name] for name in ("severity", "project", "rule")),
        next_cursor=following,
    )
    return page.answer("findings.html", page=shown)


def _row(found: Any, texts: Texts) -> Row:
    finding, run_name, project = found
    return Row(
        run_id=finding.run_id,
        run_name=run_name,
        project=project,
        anchor=anchor_of(finding.rule, finding.metric, finding.first_step),
        rule=title("rules", finding.rule, texts.lang),
        metric=finding.metric,
        severity=badge("severity", finding.severity, texts),
        state=badge("finding", finding.state, texts),
        message=signs(as_dict(finding, texts.lang)["message"]),
        steps=steps_of(
            finding.first_step, finding.last_step, texts, firing=finding.state == "firing"
        ),
        changed_at=finding.changed_at,
        acknowledged_by=finding.acknowledged_by,
    )


def _tallies(open_now: dict[str, int], query: dict[str, str], texts: Texts) -> list[Tally]:
    found = []
    for severity in SEVERITIES:
        chosen = query["severity"] == severity
        if open_now.get(severity) or chosen:
            icon, tone = LOOKS["severity"][severity]
            # As many are listed as are counted: those that fire, by whatever rule.
            leads = {"severity": "" if chosen else severity, "state": "", "rule": "", "cursor": ""}
            word = texts(f"severity.{severity}")
            found.append(Tally(word, icon, tone, open_now.get(severity, 0), leads, chosen))
    return found


def _choices(projects: Sequence[str], texts: Texts) -> list[tuple[str, list[tuple[str, str]]]]:
    rules = {entry.id for name in shipped_packs() for entry in load_pack(name).entries}
    return [
        ("state", [("any", texts("findings.filter.state"))]
         + [(state, texts(f"finding.{state}")) for state in STATES]),
        ("severity", [(severity, texts(f"severity.{severity}")) for severity in SEVERITIES]),
        ("project", [(name, name) for name in projects]),
        ("rule", sorted((rule, title("rules", rule, texts.lang)) for rule in rules)),
    ]  # fmt: skip
