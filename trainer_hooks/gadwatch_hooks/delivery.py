import json
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from gadwatch_hooks.breaker import Breaker
from gadwatch_hooks.journal import STEP_MARK, Journal
from gadwatch_hooks.losses import Losses
from gadwatch_hooks.retry import Decision, decide
from gadwatch_hooks.spool import Head
from gadwatch_hooks.strict import tell_once
from gadwatch_hooks.transport import Reply, ServiceAwayError, Transport
from gadwatch_hooks.wire import steps_body


class Outcome(StrEnum):
    """What one try at sending came to."""

    SENT = "sent"
    EMPTY = "empty"
    AWAY = "away"
    """The service is away or will not have us; the breaker says when to try again."""


@dataclass(frozen=True)
class _Batch:
    """Lines of the journal that travel in one request; no method: nothing to send."""

    lines: list[bytes]
    method: str
    path: str
    body: bytes
    steps: int


class Delivery:
    """Carries one journal to the service, oldest line first, batch by batch."""

    def __init__(
        self,
        head: Head,
        journal: Journal,
        transport: Transport,
        breaker: Breaker,
        losses: Losses,
        *,
        batch_steps: int,
        batch_bytes: int,
        on_reply: Callable[[dict[str, Any]], None] = lambda _: None,
    ) -> None:
        self._head = head
        self._journal = journal
        self._transport = transport
        self._breaker = breaker
        self._losses = losses
        self._most_steps = self._limit = batch_steps
        self._batch_bytes = batch_bytes
        self._on_reply = on_reply
        self._path = f"/runs/{head.run_id}"
        self.created = False
        """Whether the service knows the run."""
        self._made_here = False
        self.steps_sent = 0
        self.reported: dict[str, int] = {}
        """The session's losses so far, as its journal last told them."""
        self.trouble: str | None = None
        """Why the last try failed, in a few words."""

    def send_next(self, timeout: float, meanwhile: Callable[[], bool] = lambda: True) -> Outcome:
        """Send the oldest batch; ``timeout`` is in seconds. Never raises for the network."""
        if not self.created and not self._introduce(timeout, meanwhile):
            return Outcome.AWAY
        batch = self._next_batch()
        if batch is None:
            return Outcome.EMPTY
        if not batch.method:
            self._journal.acknowledge(batch.lines)
            return Outcome.SENT
        decision, reply = self._try(batch.method, batch.path, batch.body, timeout, meanwhile)
        if decision is Decision.DONE and reply is not None:
            self.steps_sent += batch.steps
            self._limit = min(self._most_steps, self._limit * 2)
            self._on_reply(reply.body)  # first: who waits for the steps may ask for the verdict
            self._journal.acknowledge(batch.lines)
            return Outcome.SENT
        if reply is not None and (decision is Decision.SPLIT or _is_unknown(batch, reply)):
            self._split(batch, reply)
            return Outcome.SENT
        if reply is not None and reply.status == 404:
            self.created = False  # the service was set up anew: introduce the run again
        return self._held_back(decision, reply)

    def _introduce(self, timeout: float, meanwhile: Callable[[], bool]) -> bool:
        """Make the run known to the service; without its config, if that is what is refused."""
        run = self._head.run
        for known in (run, {**run, "config": {}, "tags": []}):
            body = json.dumps(known).encode()
            decision, reply = self._try("POST", "/runs", body, timeout, meanwhile)
            if decision is Decision.DONE and reply is not None:
                self.created = True
                self._made_here = bool(reply.body.get("created"))
                self._on_reply(reply.body)
                return True
            if decision is not Decision.SPLIT:
                break
            self._losses.add("config_rejected")
            tell_once("config", "the service rejected the run's config: %s", self.trouble)
        self._held_back(decision, reply)
        return False

    def _try(
        self,
        method: str,
        path: str,
        body: bytes,
        timeout: float,
        meanwhile: Callable[[], bool],
    ) -> tuple[Decision, Reply | None]:
        try:
            reply = self._transport.exchange(
                method, path, body, timeout=timeout, meanwhile=meanwhile
            )
        except ServiceAwayError as error:
            self.trouble = str(error)
            return Decision.AGAIN, None
        decision = decide(reply.status)
        if decision is Decision.DONE and not reply.body and reply.status != 204:
            # A proxy's page, or some other server at this address: nothing has been taken.
            self.trouble = f"{self._transport.url} answers, but not as gadwatch does"
            return Decision.AGAIN, reply
        if decision is Decision.DONE:
            self._breaker.succeeded()
            self.trouble = None
        else:
            self.trouble = f"HTTP {reply.status}: {_detail(reply)}"
        return decision, reply

    def _held_back(self, decision: Decision, reply: Reply | None) -> Outcome:
        if decision is Decision.AGAIN:
            self._breaker.failed(reply.retry_after if reply else None)
        else:
            self._breaker.refused()
            tell_once(
                f"refused:{self._transport.url}",
                "%s refuses this run (%s); its steps are kept and tried again later",
                self._transport.url,
                self.trouble,
            )
        return Outcome.AWAY

    def _split(self, batch: _Batch, reply: Reply) -> None:
        """Halve a refused batch until the line to blame stands alone; drop that one."""
        if len(batch.lines) > 1:
            self._limit = max(1, len(batch.lines) // 2)
            return
        self._journal.acknowledge(batch.lines)
        self._losses.add("rejected")
        tell_once(f"rejected:{reply.status}", "the service rejected a step: %s", self.trouble)

    def _next_batch(self) -> _Batch | None:
        """The oldest lines that can go in one request.

        Steps and losses gather; a promise (``expect``) travels with the steps before it and
        ends the batch; any other operation travels alone. So the order of the calls is kept.
        """
        lines: list[bytes] = []
        steps: list[bytes] = []
        losses: dict[str, int] = {}
        expect: float | None = None
        for line in self._journal.peek(self._limit, self._batch_bytes):
            if line.startswith(STEP_MARK):
                steps.append(line)
                lines.append(line)
                continue
            operation = _parse(line)
            kind = operation.pop("op", None)
            if kind == "losses":
                losses = self.reported = operation["counts"]
            elif kind == "expect":
                expect = operation["within"]
            elif not lines:
                return self._operation(line, kind, operation)
            else:
                break
            lines.append(line)
            if expect is not None:
                break
        if not lines:
            return None
        body = steps_body(self._head.session, steps, losses, expect)
        return _Batch(lines, "POST", self._path + "/steps", body, len(steps))

    def _operation(self, line: bytes, kind: str | None, facts: dict[str, Any]) -> _Batch:
        method, suffix = _ROUTES.get(kind or "", ("PATCH", ""))
        if kind == "begin" and self._made_here:
            method = ""  # the run was made with these very facts
        return _Batch([line], method, self._path + suffix, json.dumps(facts).encode(), 0)


_ROUTES = {
    "begin": ("PATCH", ""),
    "stage": ("POST", "/stage"),
    "config": ("PATCH", ""),
    "alert": ("POST", "/alerts"),
    "finish": ("POST", "/finish"),
}


def _is_unknown(batch: _Batch, reply: Reply) -> bool:
    """Whether an older service does not know what the trainer wants to say beside steps."""
    return batch.path.endswith("/alerts") and reply.status in {404, 405}


def _parse(line: bytes) -> dict[str, Any]:
    """An operation; a line that is none (a damaged disk) is sent and refused as a whole."""
    try:
        operation = json.loads(line)
    except ValueError:
        return {}
    return operation if isinstance(operation, dict) else {}


def _detail(reply: Reply) -> str:
    """What the service says is wrong (RFC 9457)."""
    return str(reply.body.get("detail") or reply.body.get("title") or "no reason given")[:300]
