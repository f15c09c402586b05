"""One attempt: decrypt, compose, send, and say what follows. Touches no database."""

import json
import logging
import random
import time
from datetime import datetime, timedelta
from typing import Final

from gadwatch_service import metrics
from gadwatch_service.alerts.adapters.base import Outgoing
from gadwatch_service.alerts.adapters.registry import Adapters
from gadwatch_service.alerts.backoff import delay_s
from gadwatch_service.alerts.outcome import Outcome, Result
from gadwatch_service.alerts.queue.repository import Claim, StoredEndpoint, Verdict
from gadwatch_service.alerts.text import compose
from gadwatch_service.alerts.vault import Vault, VaultError, redact
from gadwatch_service.clock import Clock

log = logging.getLogger("gadwatch.alerts")

_COUNTED: Final = {Result.DELIVERED: "delivered", Result.RETRY: "retry"}


class Sender:
    """Sends claimed deliveries; shared by everything that sends."""

    def __init__(self, adapters: Adapters, vault: Vault, base_url: str, now: Clock) -> None:
        self.adapters = adapters
        self._vault = vault
        self._base_url = base_url
        self._now = now

    async def attempt(self, endpoint: StoredEndpoint, claim: Claim) -> tuple[Outcome, Verdict]:
        """Send once. Whatever goes wrong is an outcome."""
        started = time.perf_counter()
        private: list[str] = []
        try:
            address = self._vault.open(endpoint.address)
            secrets = stored_secrets(self._vault, endpoint.secrets, self._now())
            private = [address, *secrets, *_parts(address)]
            outgoing = Outgoing(
                delivery_id=claim.delivery_id,
                message=claim.message,
                text=compose(claim.message, self._base_url),
                address=address,
                secrets=secrets,
                now=self._now(),
            )
            outcome = await self.adapters.send(endpoint.kind, outgoing)
        except VaultError as error:
            outcome = Outcome(Result.RETRY, str(error))
        except Exception as error:
            # A fault of ours must not lose the alert: it is logged, counted and tried again.
            log.exception("delivery %s to %s failed in us", claim.delivery_id, endpoint.name)
            metrics.worker_errors.labels("deliveries").inc()
            outcome = Outcome(Result.RETRY, f"internal error: {type(error).__name__}")
        seconds = time.perf_counter() - started
        metrics.delivery_attempts.labels(endpoint.kind, _COUNTED.get(outcome.result, "dead")).inc()
        metrics.delivery_seconds.labels(endpoint.kind).observe(seconds)
        return outcome, verdict_of(
            outcome, claim.attempts + 1, round(seconds * 1000), private, self._now()
        )


def verdict_of(
    outcome: Outcome, attempts: int, duration_ms: int, private: list[str], now: datetime
) -> Verdict:
    """What follows from the outcome of the ``attempts``-th attempt."""
    state, due = "dead", None
    if outcome.result is Result.DELIVERED:
        state = "delivered"
    elif outcome.result is Result.RETRY:
        wait = delay_s(attempts, outcome.retry_after_s, random.random)
        if wait is not None:
            state, due = "pending", now + timedelta(seconds=wait)
    detail = redact(outcome.detail, private)
    return Verdict(state, due, attempts, outcome.status, duration_ms, detail)


def stored_secrets(vault: Vault, sealed: bytes | None, now: datetime) -> tuple[str, ...]:
    """An endpoint's secrets that are valid now, the newest first."""
    if sealed is None:
        return ()
    entries = json.loads(vault.open(sealed))
    return tuple(
        entry["secret"]
        for entry in entries
        if entry["until"] is None or datetime.fromisoformat(entry["until"]) > now
    )


def _parts(address: str) -> list[str]:
    """The pieces of an address that could be secret by themselves: path parts, query values."""
    rest = address.partition("://")[2].partition("/")[2]
    for separator in "/?&=":
        rest = rest.replace(separator, " ")
    return [part for part in rest.split() if len(part) >= 8]
