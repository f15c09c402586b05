import time
from collections import deque
from collections.abc import Callable
from random import Random
from threading import Event, Lock, Thread
from typing import Any, NamedTuple

from gadwatch_hooks.breaker import Breaker
from gadwatch_hooks.delivery import Delivery, Outcome
from gadwatch_hooks.journal import Journal
from gadwatch_hooks.losses import Losses
from gadwatch_hooks.replay import Replay
from gadwatch_hooks.settings import Settings
from gadwatch_hooks.spool import Head, SpoolFolder
from gadwatch_hooks.strict import swallow, tell_once
from gadwatch_hooks.transport import Transport
from gadwatch_hooks.values import is_ready
from gadwatch_hooks.wire import op_line, step_line

CLOSING_SECONDS = 0.2


class Logged(NamedTuple):
    """One ``run.log``."""

    step: Any
    time: float
    metrics: dict[Any, Any]


class Operation(NamedTuple):
    """Anything else that must keep its place among the steps."""

    name: str
    facts: dict[str, Any]


class Worker:
    """One process' side of one run: the queue, the journal and the thread that sends.

    The way of a step: ``queue`` (memory, appended by the trainer) → :meth:`drain` (written to
    the journal) → ``Delivery`` (sent, acknowledged). One daemon thread does all of it after the
    append; :meth:`drain` may also be called by a thread that has to be sure, at the end.
    """

    def __init__(
        self, head: Head, settings: Settings, on_reply: Callable[[dict[str, Any]], None]
    ) -> None:
        self.losses = Losses()
        self.queue: deque[Logged | Operation] = deque()
        self.contacted = Event()
        """Set once the service has answered for the first time, or has not."""
        self._settings = settings
        self._folder = self._make_folder(head)
        path = self._folder.path if self._folder else None
        self._journal = Journal(path, settings.spool_cap, self.losses)
        self._transport = Transport(settings.url, settings.token)
        self._breaker = Breaker(time.monotonic, Random())  # noqa: S311  # jitter
        self._delivery = Delivery(
            head,
            self._journal,
            self._transport,
            self._breaker,
            self.losses,
            batch_steps=settings.batch_steps,
            batch_bytes=settings.batch_bytes,
            on_reply=on_reply,
        )
        self._replay = Replay(head, settings, self._transport, self._breaker)
        self._online = settings.mode == "online"
        self._draining = Lock()
        self._wake = Event()
        self._done = Event()
        self._deadline: float | None = None
        self._thread = Thread(target=self._run, name="gadwatch", daemon=True)
        self._thread.start()

    @property
    def trouble(self) -> str | None:
        """Why the service could not be reached last time, if it could not."""
        return self._delivery.trouble

    @property
    def delivered(self) -> bool:
        """Whether everything that was logged has been taken by the service."""
        return not self.queue and not self._journal.pending_bytes and self._delivery.created

    def wake(self) -> None:
        """Write and send now instead of at the end of the interval."""
        self._wake.set()

    def drain(self, until: float | None = None) -> None:
        """Move the queue into the journal.

        A step whose CUDA values are still being computed stays, with all after it, so that
        nobody waits for the device here; ``until`` (monotonic seconds) waits that long.
        """
        with self._draining:
            lines: list[bytes] = []
            while self.queue:
                item = self.queue[0]
                if isinstance(item, Logged):
                    if not _wait_ready(item, until):
                        break
                    line = step_line(item.step, item.time, item.metrics, self.losses)
                else:
                    line = op_line(item.name, **item.facts)
                self.queue.popleft()
                if line is not None:
                    lines.append(line)
            if lines:
                self._journal.append(lines)
            if self.losses.take():
                self._journal.append([op_line("losses", counts=self.losses.total())])

    def close(self, seconds: float) -> bool:
        """End the thread within ``seconds``; True when the service has taken everything.

        What it has not taken stays in the spool.
        """
        latest = time.monotonic() + seconds
        self._deadline = latest - CLOSING_SECONDS  # the rest is for the thread to let go
        self.drain(until=self._deadline)
        self._wake.set()
        self._done.wait(max(0.0, latest - time.monotonic()))
        delivered = self.delivered
        left_in_memory = self._journal.in_memory_bytes
        self._journal.close()
        if self._folder is not None:
            self._folder.release(remove=delivered or self._journal.pending_bytes == 0)
        if left_in_memory:
            tell_once("memory", "%d bytes of steps are lost: no disk to keep them", left_in_memory)
        return delivered

    @property
    def spool_path(self) -> str | None:
        """Where unsent steps stay, if there is a disk for them."""
        return str(self._folder.path) if self._folder else None

    def _run(self) -> None:
        try:
            while self._deadline is None:
                self._tick()
                self._wake.wait(self._settings.flush_seconds)
                self._wake.clear()
            self._finish()
        finally:
            self._transport.close()
            self.contacted.set()
            self._done.set()

    def _tick(self) -> None:
        try:
            self.drain()
            if self._online:
                self._send()
        except Exception as error:  # noqa: BLE001  # a defect here must not end the thread
            self.losses.add("internal_error")
            swallow(error, "the sending thread")

    def _send(self) -> None:
        """Send until nothing is pending, the service fails, or the run ends."""
        while self._breaker.allows() and self._deadline is None:
            outcome = self._send_one(self._settings.request_seconds)
            self.contacted.set()
            if outcome is not Outcome.SENT:
                if outcome is Outcome.EMPTY:
                    self._replay.others(self._meanwhile)
                return
            self.drain()

    def _send_one(self, timeout: float) -> Outcome:
        if not self._replay.same_run(self._meanwhile):
            return Outcome.AWAY
        return self._delivery.send_next(timeout, self._meanwhile)

    def _meanwhile(self) -> bool:
        self.drain()
        return self._deadline is None or time.monotonic() < self._deadline

    def _finish(self) -> None:
        """The last tries: one at least, more while the service answers."""
        while self._online:
            self.drain()
            left = (self._deadline or 0.0) - time.monotonic()
            if left <= 0 or self._send_one(left) is not Outcome.SENT:
                return

    def _make_folder(self, head: Head) -> SpoolFolder | None:
        try:
            return SpoolFolder.create(self._settings.spool, head)
        except OSError as error:
            self.losses.add("disk_error")
            tell_once(
                "spool",
                "no spool in %s (%s): what the service does not take while the "
                "process lives is lost",
                self._settings.spool,
                error,
            )
            return None


def _wait_ready(item: Logged, until: float | None) -> bool:
    while not is_ready(item.metrics):
        if until is None or time.monotonic() >= until:
            return False
        time.sleep(0.005)
    return True
