"""``/``: the list of runs."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import HTMLResponse
from sqlalchemy.ext.asyncio import AsyncSession

from gadwatch_dashboards.formats import signs
from gadwatch_dashboards.pages import repository
from gadwatch_dashboards.pages.context import Page
from gadwatch_dashboards.pages.findings_of import as_dict
from gadwatch_dashboards.texts import Texts
from gadwatch_dashboards.views.needs import Needs, failure, need, short
from gadwatch_dashboards.views.run import anchor_of
from gadwatch_dashboards.views.runs import (
    COLUMNS,
    DEFAULT_COLUMNS,
    KEY_METRICS,
    Ailment,
    RunRow,
    Tally,
    grouped,
    run_row,
    tallies,
)
from gadwatch_service.access.guard import requires
from gadwatch_service.runs import service
from gadwatch_service.runs.query import RunQuery
from gadwatch_service.store.database import get_session
from gadwatch_service.store.tables import Finding

router = APIRouter(include_in_schema=False, dependencies=[Depends(requires("read"))])
Database = Annotated[AsyncSession, Depends(get_session, scope="function")]

#: The order's name in the address, and as the service knows it.
SORTS = {"newest": "-created", "attention": "-health", "updated": "-last_seen", "name": "name"}
#: A column's name is an order, too; with "-" the greatest comes first.
COLUMN_SORTS = {
    **dict.fromkeys(("health", "verdict", "stage", "last_step", "started", "duration")),
    **{key: f"latest:{metrics[0]}" for key, metrics in KEY_METRICS.items()},
}
FILTERS = {
    "stage": ("warmup", "stage2"),
    "health": ("critical", "warning", "ok", "unknown"),
    "verdict": ("ready", "not_ready", "insufficient_data"),
    "status": ("running", "stalled", "finished", "failed", "killed"),
}
FILTER_NAMES = ("q", "project", *FILTERS)
ROWS = 50
NEEDS = 4
FAILED_FOR = timedelta(days=1)
"""How long a run that failed asks for somebody."""

SNIPPET = """import gadwatch_hooks as gadwatch

with gadwatch.init(project="gad-7b", name="warmup-7",
                   stage="warmup", warmup_steps=253) as run:
    for step, batch in enumerate(loader, 1):
        run.log(train_step(batch), step=step)
        if run.ready():
            run.set_stage("stage2")"""


@dataclass(frozen=True)
class RunsPage:
    """What the template shows."""

    any_runs: bool
    may_write: bool
    base_url: str
    snippet: str = SNIPPET
    tallies: Sequence[Tally] = ()
    needs: Needs | None = None
    query: dict[str, str] | None = None
    choices: Sequence[tuple[str, Sequence[tuple[str, str]]]] = ()
    groups: Sequence[tuple[str, Sequence[RunRow]]] = ()
    columns: Sequence[str] = DEFAULT_COLUMNS
    all_columns: Sequence[str] = COLUMNS
    sorts: Sequence[tuple[str, str]] = ()
    column_sorts: Collection[str] = tuple(COLUMN_SORTS)
    numeric: Sequence[str] = ("last_step", *KEY_METRICS, "duration")
    filtered: bool = False
    no_filter: Mapping[str, str] = field(
        default_factory=lambda: dict.fromkeys((*FILTER_NAMES, "cursor"), "")
    )
    shown: int = 0
    next_cursor: str | None = None


@router.get("/")
async def show_runs(
    request: Request,
    database: Database,
    col: Annotated[list[str] | None, Query()] = None,
    cursor: Annotated[str, Query(max_length=1000)] = "",
) -> HTMLResponse:
    """The list; every filter, the order and the columns are in the address."""
    page = Page(request, "runs")
    if page.refreshing:

        async def rows() -> str:
            shown = await _shown(page, database, col, cursor)
            return page.text("parts/runs_list.html", page=shown)

        return await page.refreshed(rows)
    return page.answer("runs.html", page=await _shown(page, database, col, cursor))


async def _shown(
    page: Page, database: AsyncSession, col: Sequence[str] | None, cursor: str
) -> RunsPage:
    request = page.request
    given = request.query_params
    query = {name: given.get(name, "") for name in (*FILTER_NAMES, "group")}
    query["sort"] = given.get("sort", "newest")
    seen = page.identity.projects
    counted = await repository.tallies(database, seen, query["project"])
    base_url = str(request.base_url).rstrip("/")
    writes = page.identity.may("write")
    if not counted.total:
        return RunsPage(any_runs=False, may_write=writes, base_url=base_url)
    filtered = any(query[name] for name in FILTER_NAMES)
    found = await service.list_runs(
        database,
        RunQuery(
            project=query["project"] or None,
            stage=query["stage"] or None,
            health=query["health"] or None,
            verdict=query["verdict"] or None,
            status=query["status"] or None,
            q=query["q"][:200] or None,
            sort=order(query["sort"]),
            cursor=cursor or None,
            limit=ROWS,
            projects=seen,
        ),
    )
    worst = await repository.worst_findings(database, [run.run_id for run in found.runs])
    ailing = {run_id: ailment(finding, page.texts) for run_id, finding in worst.items()}
    rows = [run_row(run, page.texts, page.now, ailing.get(run.run_id)) for run in found.runs]
    projects = [one.name for one in await repository.project_settings(database, seen)]
    return RunsPage(
        any_runs=True,
        may_write=writes,
        base_url=base_url,
        tallies=tallies(vars(counted), query, page.texts),
        needs=None if filtered or cursor else await _needs(page, database, counted.ready),
        query=query,
        choices=choices(projects, page.texts),
        groups=grouped(rows, by_project=bool(query["group"])),
        columns=[name for name in COLUMNS if name in (col or DEFAULT_COLUMNS)],
        sorts=sorts(query["sort"], page.texts),
        filtered=filtered,
        shown=len(rows),
        next_cursor=found.next_cursor,
    )


async def _needs(page: Page, database: AsyncSession, all_ready: int) -> Needs:
    """The gravest ills, the newest failures, and the warm-ups that may be handed over now."""
    seen = page.identity.projects
    ill, more = await repository.needing(database, seen, page.now, NEEDS)
    since = page.now - FAILED_FOR
    failed, more_failed = await repository.failed_since(database, seen, since, page.now, NEEDS)
    ailed = await repository.worst_findings(database, [run_id for run_id, _, _ in failed])
    ready = await repository.ready_warmups(database, seen, NEEDS)
    return Needs(
        ill=[need(finding, name, page.texts) for finding, name, _ in ill],
        more=more,
        failed=[
            failure(run_id, name, last_step, ailed.get(run_id), page.texts)
            for run_id, name, last_step in failed
        ],
        more_failed=more_failed,
        ready=ready,
        more_ready=all_ready - len(ready),
    )


def order(wish: str) -> str:
    """The order as the service knows it; one that is not known is the newest first."""
    name = wish.removeprefix("-")
    if name in COLUMN_SORTS:
        return wish.replace(name, COLUMN_SORTS[name] or name)
    return SORTS.get(wish, SORTS["newest"])


def sorts(chosen: str, texts: Texts) -> list[tuple[str, str]]:
    """The orders on offer and their words, with the column's that is chosen in the table."""
    found = [(name, texts(f"runs.sort_by.{name}")) for name in SORTS]
    name = chosen.removeprefix("-")
    if name in COLUMN_SORTS:
        way = "↓" if chosen.startswith("-") else "↑"
        found.append((chosen, f"{texts(f'runs.col.{name}')} {way}"))
    return found


def ailment(finding: Finding, texts: Texts) -> Ailment:
    """A finding in a few words."""
    return Ailment(
        text=short(finding, texts),
        message=signs(as_dict(finding, texts.lang)["message"]),
        anchor=anchor_of(finding.rule, finding.metric, finding.first_step),
    )


def choices(projects: Sequence[str], texts: Texts) -> list[tuple[str, list[tuple[str, str]]]]:
    """The filters with their values and words."""
    listed: list[tuple[str, list[tuple[str, str]]]] = [
        ("project", [(name, name) for name in projects])
    ]
    listed += [
        (name, [(value, texts(f"{name}.{value}")) for value in values])
        for name, values in FILTERS.items()
    ]
    return listed
