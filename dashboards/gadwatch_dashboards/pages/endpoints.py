"""The forms of ``/alerts`` that add, test, change and delete its destinations."""

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse
from pydantic import BaseModel, ValidationError
from sqlalchemy.ext.asyncio import AsyncSession

from gadwatch_dashboards.pages.alerts import facts
from gadwatch_dashboards.pages.context import Page, back_to
from gadwatch_dashboards.pages.forms import refusal
from gadwatch_service.access.guard import current_identity, requires
from gadwatch_service.access.identity import Identity
from gadwatch_service.alerts import service
from gadwatch_service.alerts.endpoints import alerts_of
from gadwatch_service.alerts.events import SEVERITIES, Kind
from gadwatch_service.alerts.schemas import EndpointChange, EndpointId, NewEndpoint
from gadwatch_service.store.database import get_session

router = APIRouter(include_in_schema=False, dependencies=[Depends(requires("admin"))])
Database = Annotated[AsyncSession, Depends(get_session, scope="function")]
Asker = Annotated[Identity, Depends(current_identity)]
Text = Annotated[str, Form(max_length=2000)]


class EndpointForm(BaseModel):
    """What is told and how, as typed: unticked boxes are absent, empty fields are empty texts.

    Nothing is checked here: :class:`EndpointChange` names what is wrong, as over REST.
    """

    kinds: list[str] = []
    severities: list[str] = []
    projects: str = ""
    runs: str = ""
    start: str = ""
    end: str = ""
    tz: str = ""
    unless: str = ""
    max_per_minute: str = ""
    group_wait_s: str = ""
    group_interval_s: str = ""
    repeat_interval_s: str = ""
    lang: str = ""
    send_resolved: str = ""

    def change(self) -> EndpointChange:
        """The whole filters and the whole policy. Raises ``ValidationError``."""
        quiet = _filled(start=self.start, end=self.end)
        policy = _filled(
            group_wait_s=self.group_wait_s,
            group_interval_s=self.group_interval_s,
            max_per_minute=self.max_per_minute,
            lang=self.lang,
        )
        return EndpointChange.model_validate(
            {
                "filters": {
                    "kinds": _unless_all(self.kinds, tuple(Kind)),
                    "severities": _unless_all(self.severities, SEVERITIES),
                    "projects": _lines(self.projects),
                    "runs": _lines(self.runs),
                },
                "policy": {
                    **policy,
                    "repeat_interval_s": self.repeat_interval_s or None,
                    "send_resolved": bool(self.send_resolved),
                    "quiet_hours": (
                        quiet | _filled(tz=self.tz, unless=self.unless) if quiet else None
                    ),
                },
            }
        )


@router.post("/alerts/endpoints")
async def add_endpoint(
    request: Request,
    database: Database,
    asker: Asker,
    kind: Text,
    name: Text,
    url: Text,
    lang: Text = "en",
    secret: Text = "",
    send_resolved: Text = "",
) -> HTMLResponse:
    """Add a destination; its signing secret is on the answer and nowhere else."""
    page = Page(request, "alerts")
    given = {"kind": kind, "name": name, "url": url, "secret": secret or None}
    policy = {"lang": lang, "send_resolved": bool(send_resolved)}
    try:
        wish = NewEndpoint.model_validate({**given, "policy": policy})
    except ValidationError as error:
        raise refusal(error) from None
    made = await alerts_of(request).registrar.create(database, wish, asker.name, page.now)
    return page.answer("alerts.html", page=await facts(page, database, made.secret), status=201)


@router.post("/alerts/endpoints/{endpoint_id}/test")
async def send_test(endpoint_id: EndpointId, request: Request) -> RedirectResponse:
    """Send a test message now."""
    outcome = await alerts_of(request).send_test(endpoint_id)
    texts = Page(request, "alerts").texts
    key = "alerts.tested" if outcome.ok else "alerts.test_failed"
    return back_to("/alerts", texts(key, detail=outcome.detail or outcome.status or "–"))


@router.post("/alerts/endpoints/{endpoint_id}")
async def change_endpoint(
    endpoint_id: EndpointId,
    request: Request,
    database: Database,
    form: Annotated[EndpointForm, Form()],
) -> RedirectResponse:
    """Change what a destination is told and how."""
    try:
        wish = form.change()
    except ValidationError as error:
        raise refusal(error) from None
    shown = await alerts_of(request).registrar.change(database, endpoint_id, wish)
    return back_to("/alerts", Page(request, "alerts").texts("alerts.saved", name=shown.name))


@router.post("/alerts/endpoints/{endpoint_id}/enable")
async def enable_endpoint(
    endpoint_id: EndpointId, request: Request, database: Database
) -> RedirectResponse:
    """Send there again, after its receiver said that it was gone."""
    change = EndpointChange(enabled=True)
    await alerts_of(request).registrar.change(database, endpoint_id, change)
    return back_to("/alerts")


@router.post("/alerts/endpoints/{endpoint_id}/delete")
async def delete_endpoint(
    endpoint_id: EndpointId, request: Request, database: Database
) -> RedirectResponse:
    """Remove a destination."""
    await service.delete_endpoint(database, endpoint_id, request.app.state.now())
    return back_to("/alerts")


def _filled(**typed: str) -> dict[str, str]:
    return {name: text.strip() for name, text in typed.items() if text.strip()}


def _lines(typed: str) -> list[str] | None:
    return [line.strip() for line in typed.splitlines() if line.strip()] or None


def _unless_all(ticked: list[str], known: Sequence[str]) -> list[str] | None:
    """What is ticked, in the order of ``known``; what is unknown comes last, to be refused.

    No filter where everything is ticked, so that what is added to gadwatch later passes too.
    """
    if set(known) <= set(ticked):
        return None
    return [one for one in known if one in ticked] + [one for one in ticked if one not in known]
