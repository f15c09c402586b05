"""Everything between a change and its receivers, on a clock that tests turn."""

import json
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from gadwatch_rules.findings import Changes, FindingChange, VerdictChange
from gadwatch_service.alerts.adapters.registry import Adapters
from gadwatch_service.alerts.adapters.webhook import new_secret
from gadwatch_service.alerts.delivery.sender import Sender
from gadwatch_service.alerts.delivery.worker import DeliveryWorker
from gadwatch_service.alerts.events import RunFacts
from gadwatch_service.alerts.outbox import record_changes
from gadwatch_service.alerts.vault import Vault
from gadwatch_service.runs.schemas import NewRun
from gadwatch_service.runs.service import create_run, everything
from gadwatch_service.settings import Settings
from gadwatch_service.store.database import Database

START = datetime(2025, 3, 1, 12, 0, tzinfo=UTC)
VAULT = Vault("a key that only tests use, long enough")


class Office:
    def __init__(self, database: Database, adapters: Adapters) -> None:
        self.database = database
        self.time = START
        self.sender = Sender(adapters, VAULT, "http://gadwatch.test", self.now)

    @classmethod
    @asynccontextmanager
    async def open(cls, database: Database, adapters: Adapters) -> AsyncIterator["Office"]:
        office = cls(database, adapters)
        async with DeliveryWorker(database, office.sender, office.now, grace_s=0.2) as worker:
            office.worker = worker
            yield office

    worker: DeliveryWorker

    def now(self) -> datetime:
        return self.time

    def passes(self, **span: float) -> None:
        self.time += timedelta(**span)

    async def endpoint(
        self,
        url: str,
        kind: str = "webhook",
        *,
        filters: dict[str, Any] | None = None,
        **policy: Any,
    ) -> str:
        endpoint_id = f"ep_{secrets.token_hex(4)}"
        sealed = VAULT.seal(json.dumps([{"secret": new_secret(), "until": None}]))
        await self.execute(
            "INSERT INTO endpoints (endpoint_id, kind, name, address, address_hint, secrets, "
            "filters, policy, created_at, created_by, consecutive_failures) VALUES "
            "(:id, :kind, :id, :address, '', :secrets, CAST(:filters AS jsonb), "
            "CAST(:policy AS jsonb), :now, 'test', 0)",
            id=endpoint_id,
            kind=kind,
            address=VAULT.seal(url),
            secrets=sealed,
            filters=json.dumps(filters or {}),
            policy=json.dumps(policy),
            now=self.time,
        )
        return endpoint_id

    async def change(self, *findings: FindingChange, **more: Any) -> None:
        """What ingest does with the changes of one request."""
        async with self.database.connection() as connection, connection.begin():
            await self.record(connection, *findings, **more)

    async def record(
        self,
        connection: AsyncConnection,
        *findings: FindingChange,
        verdicts: tuple[VerdictChange, ...] = (),
        run: RunFacts | None = None,
        ended: bool = False,
    ) -> None:
        await record_changes(
            connection,
            run or facts(),
            Changes(findings=list(findings), verdicts=list(verdicts)),
            self.time,
            assess=lambda lang: {"run": "warmup-7", "lang": lang, "diagnoses": []},
            ended=ended,
        )

    async def run(self, run_id: str) -> None:
        """A run as it is stored."""
        async with self.database.session() as session:
            wish = NewRun(id=run_id, project="gad", name=run_id)
            await create_run(
                session,
                wish,
                creator="test",
                sees=everything,
                now=self.time,
                settings=Settings(),
            )

    async def store_finding(self, run_id: str, rule: str) -> None:
        await self.execute(
            "INSERT INTO findings (run_id, attempt, rule, metric, first_step, severity, state, "
            'last_step, value, "limit", reason, facts, first_seen_at, changed_at) VALUES '
            "(:run_id, 1, :rule, 'critic/grad_norm', 143, 'critical', 'firing', 145, 39.18, "
            "'<= 10', 'above', '{}', :now, :now)",
            run_id=run_id,
            rule=rule,
            now=self.time,
        )

    async def fires(self, run_id: str, **changed: Any) -> None:
        """A finding that is stored and told, as ingest does it."""
        await self.store_finding(run_id, "grad_norm_ceiling")
        await self.change(finding(**changed), run=facts(run_id))

    async def deliver(self) -> None:
        await self.worker.settle()

    async def execute(self, statement: str, **values: Any) -> None:
        async with self.database.connection() as connection, connection.begin():
            await connection.execute(text(statement), values)

    async def rows(self, query: str, **values: Any) -> list[Any]:
        async with self.database.connection() as connection:
            return list((await connection.execute(text(query), values)).mappings())


def facts(run_id: str = "warmup-7", **changed: Any) -> RunFacts:
    values = {"name": run_id, "project": "gad", "stage": "warmup", "step": 145} | changed
    return RunFacts(run_id=run_id, **values)


def finding(rule: str = "grad_norm_ceiling", **changed: Any) -> FindingChange:
    values: dict[str, Any] = {
        "rule": rule,
        "metric": "critic/grad_norm",
        "severity": "critical",
        "state": "firing",
        "first_step": 143,
        "last_step": 145,
        "value": 39.18,
        "limit": "<= 10",
        "reason": "above",
        "facts": {},
        "step": 145,
        "fired": True,
    }
    return FindingChange(**(values | changed))


def ready(verdict: str = "ready", step: int = 61) -> VerdictChange:
    clause = {
        "id": "d_acc_band",
        "kind": "target",
        "status": "pass" if verdict == "ready" else "fail",
        "observed": 0.9473,
        "required": "0.70 … 0.95",
        "reason": "The mean accuracy 0.9473 lies in 0.70 … 0.95.",
    }
    return VerdictChange(step, verdict, (clause,), "gad-warmup@1")
