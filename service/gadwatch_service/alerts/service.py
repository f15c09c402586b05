"""Endpoints, silences, the delivery log and acknowledgement, as REST and pages use them.

For pages::

    endpoints = await list_endpoints(session)
    silences = await repository.list_silences(session, now, limit=100)
    page = await list_deliveries(session, limit=50)
"""

import json
import secrets
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy.ext.asyncio import AsyncSession

from gadwatch_service.access.errors import Forbidden
from gadwatch_service.access.identity import Identity
from gadwatch_service.alerts import repository
from gadwatch_service.alerts.adapters.registry import Adapters
from gadwatch_service.alerts.adapters.webhook import new_secret
from gadwatch_service.alerts.delivery import repository as deliveries
from gadwatch_service.alerts.delivery.sender import stored_secrets
from gadwatch_service.alerts.events import Message
from gadwatch_service.alerts.queue.repository import NO_RUN
from gadwatch_service.alerts.routing import DEFAULT_FILTERS
from gadwatch_service.alerts.schemas import (
    Acknowledgement,
    AttemptView,
    CreatedEndpoint,
    DeliveryDetail,
    DeliveryPage,
    DeliveryView,
    EndpointChange,
    EndpointView,
    NewEndpoint,
    NewSilence,
)
from gadwatch_service.alerts.text import compose
from gadwatch_service.alerts.vault import Vault
from gadwatch_service.errors import Conflict, Invalid, NotFound
from gadwatch_service.runs.query import decode_cursor, encode_cursor
from gadwatch_service.store.tables import Endpoint, Silence

_MOST_ENDPOINTS: Final = 200


@dataclass(frozen=True, slots=True)
class Registrar:
    """Makes and changes endpoints; knows what addresses can work and how secrets are kept."""

    adapters: Adapters
    vault: Vault

    async def create(
        self, session: AsyncSession, wish: NewEndpoint, creator: str, now: datetime
    ) -> CreatedEndpoint:
        """Store a new endpoint. Raises Invalid for an address that cannot work, and Conflict."""
        if len(await repository.list_endpoints(session, "", _MOST_ENDPOINTS)) >= _MOST_ENDPOINTS:
            raise Conflict(f"There are {_MOST_ENDPOINTS} endpoints already: delete one first.")
        await _refuse_taken(session, wish.name)
        address = wish.url.get_secret_value()
        policy = wish.policy
        if wish.send_resolved is not None:
            policy = policy.model_copy(update={"send_resolved": wish.send_resolved})
        given = None if wish.secret is None else wish.secret.get_secret_value()
        secret = self._first_secret(wish.kind, given)
        row = Endpoint(
            endpoint_id=f"ep_{secrets.token_hex(6)}",
            kind=wish.kind,
            name=wish.name,
            address=self.vault.seal(address),
            address_hint=self._hint(wish.kind, address),
            secrets=None if secret is None else self._sealed([_entry(secret)]),
            filters=(wish.filters or DEFAULT_FILTERS).model_dump(mode="json", exclude_none=True),
            policy=policy.model_dump(mode="json"),
            created_at=now,
            created_by=creator,
            consecutive_failures=0,
        )
        session.add(row)
        await session.flush()
        return _created(row, secret if given is None else None)

    async def change(
        self, session: AsyncSession, endpoint_id: str, change: EndpointChange
    ) -> EndpointView:
        """Change an endpoint; a new address or ``enabled`` also ends its breaker's rest."""
        row = await get_endpoint(session, endpoint_id)
        if change.name is not None and change.name != row.name:
            await _refuse_taken(session, change.name)
            row.name = change.name
        if change.url is not None:
            address = change.url.get_secret_value()
            row.address_hint = self._hint(row.kind, address)
            row.address = self.vault.seal(address)
        if change.secret is not None:
            secret = self._first_secret(row.kind, change.secret.get_secret_value())
            row.secrets = None if secret is None else self._sealed([_entry(secret)])
        if change.filters is not None:
            row.filters = change.filters.model_dump(mode="json", exclude_none=True)
        if change.policy is not None:
            row.policy = change.policy.model_dump(mode="json")
        if change.enabled is not None:
            row.disabled_reason = None if change.enabled else "switched off"
        if change.enabled or change.url is not None:
            row.consecutive_failures, row.paused_until = 0, None
        await session.flush()
        return view(row)

    async def rotate(
        self, session: AsyncSession, endpoint_id: str, overlap: timedelta, now: datetime
    ) -> CreatedEndpoint:
        """Make a new signing secret; the one before stays valid for the overlap."""
        row = await get_endpoint(session, endpoint_id)
        if self.adapters.of(row.kind).signing != "ours":
            raise Conflict(
                f"The secret of a {row.kind} endpoint is not ours to change: "
                "send the new one with PATCH."
            )
        secret = new_secret()
        old = stored_secrets(self.vault, row.secrets, now)[:1]
        until = (now + overlap).isoformat()
        row.secrets = self._sealed([_entry(secret), *(_entry(one, until) for one in old)])
        await session.flush()
        return _created(row, secret)

    def _hint(self, kind: str, address: str) -> str:
        try:
            return self.adapters.check(kind, address)
        except ValueError as error:
            raise Invalid(f"url: {error}.") from None

    def _first_secret(self, kind: str, given: str | None) -> str | None:
        match self.adapters.of(kind).signing:
            case "ours" if given is None:
                return new_secret()
            case "theirs":
                return given
            case _ if given is None:
                return None
        raise Invalid(f"secret: an endpoint of kind {kind} takes none; leave it out.")

    def _sealed(self, entries: list[dict[str, Any]]) -> bytes:
        return self.vault.seal(json.dumps(entries))


def _entry(secret: str, until: str | None = None) -> dict[str, Any]:
    return {"secret": secret, "until": until}


async def _refuse_taken(session: AsyncSession, name: str) -> None:
    if await repository.is_name_taken(session, name):
        raise Conflict(f"An endpoint is called {name!r} already: choose another name.")


def view(row: Endpoint) -> EndpointView:
    """What may be shown of an endpoint."""
    return EndpointView(**_shown(row))


def _created(row: Endpoint, secret: str | None) -> CreatedEndpoint:
    return CreatedEndpoint(**_shown(row), secret=secret)


def _shown(row: Endpoint) -> dict[str, Any]:
    shown = {name: getattr(row, name) for name in EndpointView.model_fields if name != "has_secret"}
    return {**shown, "has_secret": row.secrets is not None}


async def get_endpoint(
    session: AsyncSession, endpoint_id: str, projects: Collection[str] | None = None
) -> Endpoint:
    """One endpoint. Raises NotFound."""
    row = await repository.get_endpoint(session, endpoint_id)
    if row is None or not _hears_only_of(row, projects):
        raise NotFound(f"There is no endpoint {endpoint_id!r}: GET /api/v1/endpoints lists them.")
    return row


async def list_endpoints(
    session: AsyncSession,
    after: str = "",
    limit: int = _MOST_ENDPOINTS,
    projects: Collection[str] | None = None,
) -> list[EndpointView]:
    """Endpoints by name; with ``projects`` those that hear of nothing else."""
    rows = await repository.list_endpoints(session, after, _MOST_ENDPOINTS)
    return [view(row) for row in rows if _hears_only_of(row, projects)][:limit]


def _hears_only_of(row: Endpoint, projects: Collection[str] | None) -> bool:
    """Whether nothing of other projects can be told from what an endpoint is."""
    named = row.filters.get("projects")
    return projects is None or (named is not None and set(named) <= set(projects))


async def delete_endpoint(session: AsyncSession, endpoint_id: str, now: datetime) -> None:
    """Remove an endpoint; what waits for it becomes dead letters."""
    await get_endpoint(session, endpoint_id)
    await deliveries.bury(await session.connection(), endpoint_id, now)
    await repository.delete_endpoint(session, endpoint_id)


async def create_silence(
    session: AsyncSession, wish: NewSilence, asker: Identity, now: datetime
) -> Silence:
    """Store a silence. Raises Invalid when it would end in the past, Forbidden, NotFound."""
    ends_at = wish.ends_at or now + timedelta(hours=wish.hours or 0)
    if ends_at <= now:
        raise Invalid("ends_at lies in the past: give a later moment.")
    if wish.run_id is not None and asker.projects is not None:
        await _check_sees(session, wish.run_id, asker)
    if not await _reaches(session, wish.project, wish.run_id, asker):
        raise Forbidden("This token is limited to projects: name one of them or a run of theirs.")
    row = Silence(
        silence_id=f"si_{secrets.token_hex(6)}",
        project=wish.project,
        run_id=wish.run_id,
        rule=wish.rule,
        comment=wish.comment,
        created_by=asker.name,
        created_at=now,
        ends_at=ends_at,
    )
    session.add(row)
    await session.flush()
    return row


async def list_silences(
    session: AsyncSession, asker: Identity, now: datetime | None, limit: int
) -> list[Silence]:
    """The silences that the asker may see."""
    rows = await repository.list_silences(session, now, limit)
    if asker.projects is None:
        return rows
    return [row for row in rows if await _reaches(session, row.project, row.run_id, asker)]


async def end_silence(
    session: AsyncSession, silence_id: str, asker: Identity, now: datetime
) -> Silence:
    """End a silence now; it stays in the list as one that has ended."""
    row = await repository.get_silence(session, silence_id)
    if row is None or not await _reaches(session, row.project, row.run_id, asker):
        raise NotFound(f"There is no silence {silence_id!r}: GET /api/v1/silences lists them.")
    if row.ends_at > now:
        row.ends_at = now
        await session.flush()
        await repository.review_kept_back(session, now)
    return row


async def _reaches(
    session: AsyncSession, project: str | None, run_id: str | None, asker: Identity
) -> bool:
    """Whether a silence is about nothing but what the asker may see."""
    if asker.projects is None:
        return True
    named = [] if project is None else [project]
    if run_id is not None:
        named.append(await repository.project_of(session, run_id) or "")
    return bool(named) and all(asker.sees(name) for name in named)


async def list_deliveries(
    session: AsyncSession,
    *,
    endpoint_id: str | None = None,
    run_id: str | None = None,
    state: str | None = None,
    projects: Collection[str] | None = None,
    cursor: str | None = None,
    limit: int = 50,
) -> DeliveryPage:
    """A page of the delivery log, the newest first."""
    before = None
    if cursor is not None:
        moment, delivery_id = decode_cursor(cursor, str, str)
        try:
            before = (datetime.fromisoformat(moment), delivery_id)
        except ValueError:
            raise Invalid(
                "cursor is not one that this list gave: start again without it."
            ) from None
    rows = await repository.list_deliveries(
        session,
        endpoint_id=endpoint_id,
        run_id=run_id,
        state=state,
        projects=projects,
        before=before,
        limit=limit + 1,
    )
    items = [DeliveryView(**_delivery(row)) for row in rows[:limit]]
    following = None
    if len(rows) > limit:
        following = encode_cursor(items[-1].created_at.isoformat(), items[-1].delivery_id)
    return DeliveryPage(items=items, next_cursor=following)


async def get_delivery(
    session: AsyncSession, delivery_id: str, projects: Collection[str] | None = None
) -> DeliveryDetail:
    """One delivery with its message and attempts. Raises NotFound."""
    row = await repository.get_delivery(session, delivery_id, projects)
    if row is None:
        raise NotFound(f"There is no delivery {delivery_id!r}: GET /api/v1/deliveries lists them.")
    log = await repository.list_attempts(session, row.Delivery.run_id, delivery_id)
    return DeliveryDetail(
        **_delivery(row),
        payload=row.Delivery.payload,
        log=[AttemptView.model_validate(one) for one in log],
    )


def _delivery(row: Any) -> dict[str, Any]:
    stored = row.Delivery
    names = ("delivery_id", "endpoint_id", "reason", "state", "created_at", "due_at")
    more = ("attempts", "finished_at", "digest_id")
    return {
        **{name: getattr(stored, name) for name in (*names, *more)},
        "run_id": None if stored.run_id == NO_RUN else stored.run_id,
        "endpoint": row.endpoint,
        "title": compose(Message.from_json(stored.payload), "").title,
    }


async def redeliver(
    session: AsyncSession, delivery_id: str, projects: Collection[str] | None, now: datetime
) -> DeliveryDetail:
    """Send an ended delivery again, under the same id. Raises NotFound and Conflict."""
    row = await repository.get_delivery(session, delivery_id, projects)
    if row is None:
        raise NotFound(f"There is no delivery {delivery_id!r}: GET /api/v1/deliveries lists them.")
    endpoint = await repository.get_endpoint(session, row.Delivery.endpoint_id)
    if endpoint is None or endpoint.disabled_reason is not None:
        raise Conflict("Its endpoint was deleted or is disabled: enable it first.")
    if not await repository.send_again(session, row.Delivery.run_id, delivery_id, now):
        raise Conflict("It is still on its way: wait for its next attempt.")
    session.expire_all()
    return await get_delivery(session, delivery_id, projects)


async def acknowledge(
    session: AsyncSession, run_id: str, wish: Acknowledgement, asker: Identity, now: datetime
) -> int:
    """Take care of a run's firing findings; how many there were. Raises NotFound."""
    await _check_sees(session, run_id, asker)
    return await repository.acknowledge(session, run_id, wish.rule, wish.metric, asker.name, now)


async def take_back(
    session: AsyncSession, run_id: str, wish: Acknowledgement, asker: Identity, now: datetime
) -> int:
    """Nobody takes care any more: what still fires is repeated again. Raises NotFound."""
    await _check_sees(session, run_id, asker)
    return await repository.take_back(session, run_id, wish.rule, wish.metric, now)


async def _check_sees(session: AsyncSession, run_id: str, asker: Identity) -> None:
    project = await repository.project_of(session, run_id)
    if project is None or not asker.sees(project):
        raise NotFound(f"There is no run {run_id!r}.")
