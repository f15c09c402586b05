"""``/alerts``: destinations, silences, the delivery log, each message."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Form, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse
from pydantic import ValidationError
from sqlalchemy.ext.asyncio import AsyncSession

from gadwatch_dashboards.pages.context import Page, back_to
from gadwatch_dashboards.pages.forms import refusal
from gadwatch_dashboards.texts import Texts
from gadwatch_dashboards.views.badges import Badge, badge
from gadwatch_dashboards.views.endpoints import EndpointRow, endpoint_row
from gadwatch_service.access.guard import current_identity, requires
from gadwatch_service.access.identity import Identity
from gadwatch_service.alerts import service
from gadwatch_service.alerts.adapters.registry import KINDS
from gadwatch_service.alerts.events import Message
from gadwatch_service.alerts.schemas import (
    AttemptView,
    DeliveryId,
    DeliveryView,
    NewSilence,
    SilenceId,
)
from gadwatch_service.alerts.text import Section, compose
from gadwatch_service.store.database import get_session

reading = APIRouter(include_in_schema=False, dependencies=[Depends(requires("read"))])
writing = APIRouter(include_in_schema=False, dependencies=[Depends(requires("write"))])
Database = Annotated[AsyncSession, Depends(get_session, scope="function")]
Asker = Annotated[Identity, Depends(current_identity)]
Text = Annotated[str, Form(max_length=2000)]


@dataclass(frozen=True)
class SilenceRow:
    """What a silence covers, until when, and why."""

    silence_id: str
    scope: str
    comment: str
    created_by: str
    ends_at: datetime


@dataclass(frozen=True)
class DeliveryRow:
    """One message of the log."""

    delivery_id: str
    run_id: str | None
    endpoint: str
    title: str
    reason: str
    state: Badge
    attempts: int
    created_at: datetime
    ended: bool


@dataclass(frozen=True)
class AlertsPage:
    """What the template shows; ``secret`` is a new endpoint's, shown once.

    ``to_silence`` are runs that were picked in the list of runs.
    """

    endpoints: Sequence[EndpointRow]
    silences: Sequence[SilenceRow]
    deliveries: Sequence[DeliveryRow]
    may_write: bool
    may_admin: bool
    kinds: Sequence[str]
    secret: str | None = None
    to_silence: Sequence[str] = ()


@dataclass(frozen=True)
class DeliveryPage:
    """One message: its facts, every attempt, what it says."""

    row: DeliveryRow
    due_at: datetime | None
    tries: Sequence[AttemptView]
    sections: Sequence[Section]
    may_write: bool


@reading.get("/alerts", response_model=None)
async def show_alerts(
    request: Request,
    database: Database,
    run: Annotated[list[str] | None, Query(max_length=200)] = None,
    picked: bool = False,
) -> HTMLResponse | RedirectResponse:
    """Where alerts go, what is silenced, what was sent.

    ``picked`` comes from the list of runs: with no run picked nothing is offered, for a silence
    that names none covers all.
    """
    page = Page(request, "alerts")
    if picked and not run:
        return back_to("/", page.texts("runs.pick_first"))
    shown = replace(await facts(page, database), to_silence=run or ())
    return page.answer("alerts.html", page=shown)


@reading.get("/alerts/deliveries/{delivery_id}")
async def show_delivery(
    delivery_id: DeliveryId, request: Request, database: Database
) -> HTMLResponse:
    """What a message says and what came of each attempt to send it."""
    page = Page(request, "alerts")
    detail = await service.get_delivery(database, delivery_id, page.identity.projects)
    told = compose(Message.from_json(detail.payload), "")
    return page.answer(
        "delivery.html",
        page=DeliveryPage(
            row=_row(detail, page.texts),
            due_at=detail.due_at,
            tries=detail.log,
            sections=told.sections,
            may_write=page.identity.may("write"),
        ),
    )


@writing.post("/alerts/deliveries/{delivery_id}/redeliver")
async def redeliver(
    delivery_id: DeliveryId, request: Request, database: Database, asker: Asker
) -> RedirectResponse:
    """Send an ended message again."""
    await service.redeliver(database, delivery_id, asker.projects, request.app.state.now())
    return back_to("/alerts")


@writing.post("/alerts/silences")
async def add_silence(
    request: Request,
    database: Database,
    asker: Asker,
    hours: Annotated[float, Form(gt=0, le=24 * 90)],
    comment: Text,
    project: Text = "",
    runs: Annotated[str, Form(max_length=20_000)] = "",
    rule: Text = "",
) -> RedirectResponse:
    """Keep findings from being alerted for a while; several runs get a silence each."""
    try:
        wishes = [
            NewSilence(
                project=project or None,
                rule=rule or None,
                run_id=run_id,
                hours=hours,
                comment=comment,
            )
            for run_id in dict.fromkeys(runs.split()) or (None,)
        ]
    except ValidationError as error:
        raise refusal(error) from None
    for wish in wishes:
        await service.create_silence(database, wish, asker, request.app.state.now())
    return back_to("/alerts")


@writing.post("/alerts/silences/{silence_id}/end")
async def end_silence(
    silence_id: SilenceId, request: Request, database: Database, asker: Asker
) -> RedirectResponse:
    """End a silence now."""
    await service.end_silence(database, silence_id, asker, request.app.state.now())
    return back_to("/alerts")


async def facts(page: Page, database: AsyncSession, secret: str | None = None) -> AlertsPage:
    """Everything that the page shows."""
    identity, texts = page.identity, page.texts
    sent = await service.list_deliveries(database, projects=identity.projects, limit=50)
    silences = await service.list_silences(database, identity, page.now, 100)
    endpoints = await service.list_endpoints(database, projects=identity.projects)
    return AlertsPage(
        endpoints=[endpoint_row(one, texts) for one in endpoints],
        silences=[_silence(row, texts) for row in silences],
        deliveries=[_row(one, texts) for one in sent.items],
        may_write=identity.may("write"),
        may_admin=identity.may("admin"),
        kinds=KINDS,
        secret=secret,
    )


def _row(one: DeliveryView, texts: Texts) -> DeliveryRow:
    return DeliveryRow(
        delivery_id=one.delivery_id,
        run_id=one.run_id,
        endpoint=one.endpoint or one.endpoint_id,
        title=one.title,
        reason=texts.maybe(f"delivery_reason.{one.reason}", one.reason),
        state=badge("delivery", one.state, texts),
        attempts=one.attempts,
        created_at=one.created_at,
        ended=one.state in {"delivered", "dead"},
    )


def _silence(row: Any, texts: Texts) -> SilenceRow:
    scope = [part for part in (row.project, row.run_id, row.rule) if part]
    return SilenceRow(
        row.silence_id,
        " · ".join(scope) or texts("alerts.everything"),
        row.comment,
        row.created_by,
        row.ends_at,
    )
