"""``runs/search``: runs filtered, ordered and paged as MLflow's clients ask."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from sqlalchemy.ext.asyncio import AsyncSession

from gadwatch_service.mlflow import experiments, repository
from gadwatch_service.mlflow.filters import Comparison, Facts, matches, parse_filter
from gadwatch_service.mlflow.ordering import Order, ordered, parse_order
from gadwatch_service.mlflow.paging import Page, page_of
from gadwatch_service.mlflow.repository import RunRow
from gadwatch_service.mlflow.requests import Door
from gadwatch_service.mlflow.schemas import SearchRuns
from gadwatch_service.mlflow.views import run_facts, run_view

MAX_RESULTS: Final = 200
PORTION: Final = 200

# The protocol's enumeration, for clients that send its numbers.
_VIEWS: Final = {1: "ACTIVE_ONLY", 2: "DELETED_ONLY", 3: "ALL"}


async def search(door: Door, wish: SearchRuns) -> dict[str, Any]:
    """The runs of some experiments that a filter lets through; the newest first unless asked.

    1. Walk through the runs, the newest first, a portion at a time; metrics are looked up only
       where the filter or the order speaks of them.
    2. Without an order of its own the walk ends where the page does.
    3. Look up the metrics of the page's runs.
    """
    conditions = parse_filter(wish.filter or "")
    orders = parse_order(wish.order_by or ())
    page = page_of(wish.max_results, wish.page_token, MAX_RESULTS)
    view = (
        _VIEWS.get(wish.run_view_type, "")
        if isinstance(wish.run_view_type, int)
        else wish.run_view_type
    )
    async with door.database.session() as session:
        numbers = await _numbers(session, door, wish.experiment_ids or ())
        found = await _walk(session, list(numbers), conditions, orders, page, view or "ACTIVE_ONLY")
        rows = ordered(found, orders)
        shown = page.cut(rows)
        latest = await repository.latest_values(session, [row[0].run_id for row in shown])
    views = [run_view(row, numbers[row[0].project], latest.get(row[0].run_id, {})) for row in shown]
    return {"runs": views, **page.next(len(rows))}


async def _numbers(
    session: AsyncSession, door: Door, asked: Iterable[str | int]
) -> Mapping[str, int]:
    """The projects that are meant and may be seen, with their numbers."""
    await repository.number_projects(session, door.now)
    wanted = {str(number) for number in asked}
    return {
        experiment.project: experiment.experiment_id
        for experiment in await experiments.visible(session, door.who)
        if str(experiment.experiment_id) in wanted
    }


async def _walk(
    session: AsyncSession,
    projects: list[str],
    conditions: tuple[Comparison, ...],
    orders: tuple[Order, ...],
    page: Page,
    view: str,
) -> list[tuple[Facts, RunRow]]:
    speaks_of_metrics = any(one.kind == "metric" for one in conditions) or any(
        kind == "metric" for kind, _, _ in orders
    )
    found: list[tuple[Facts, RunRow]] = []
    offset = 0
    while orders or len(found) <= page.end:
        portion = await repository.run_rows(session, projects, offset, PORTION)
        ids = [row[0].run_id for row in portion]
        latest = await repository.latest_values(session, ids) if speaks_of_metrics else {}
        for row in portion:
            facts = run_facts(row, latest.get(row[0].run_id, {}))
            if _shown(row, view) and matches(conditions, facts):
                found.append((facts, row))
        if len(portion) < PORTION:
            break
        offset += PORTION
    return found


def _shown(row: RunRow, view: str) -> bool:
    deleted = row[2] is not None and row[2].deleted_at is not None
    return view == "ALL" or deleted == (view == "DELETED_ONLY")
