import os
import sys
import time
import weakref
from collections.abc import Callable, Mapping
from threading import Lock
from types import TracebackType
from typing import Any, Literal, Self

from gadwatch_hooks import exits
from gadwatch_hooks.config import Config
from gadwatch_hooks.exits import Status
from gadwatch_hooks.settings import Settings
from gadwatch_hooks.spool import Head, joined_head
from gadwatch_hooks.strict import log, swallow, tell_once
from gadwatch_hooks.values import freeze
from gadwatch_hooks.wire import whole_number
from gadwatch_hooks.worker import Logged, Operation, Worker

Stage = Literal["warmup", "stage2"]
Level = Literal["info", "warning", "error"]


class Run:
    """A training run, as its trainer sees it; made by :func:`gadwatch_hooks.init`.

    No method raises for the network or waits for it, but the three that are asked to:
    :meth:`wait_ready`, :meth:`flush` and :meth:`finish`, each with its limit. What cannot be
    kept is counted in :attr:`losses` and reported to the service.
    """

    def __init__(
        self,
        head: Head,
        settings: Settings,
        *,
        token: str | None = None,
        owner: bool = True,
    ) -> None:
        self.id: str = head.run_id
        self.project: str = head.run["project"]
        self.name: str = head.run["name"]
        self.config = Config(head.run["config"], self._config_changed)
        self.verdict: str | None = None
        """``ready``, ``not_ready`` or ``insufficient_data``; None before the first answer."""
        self.health: str | None = None
        """``ok``, ``warning``, ``critical`` or ``unknown``; None before the first answer."""
        self._head = head
        self._settings = settings
        self._token = token  # only a token given in code travels with a pickled run
        self._owner_pid = os.getpid() if owner else None
        self._last_step = 0
        self._counting = Lock()
        self._callbacks: list[Callable[[str], None]] = []
        self._worker: Worker | None = None
        self._finished = self._closed = False
        _alive.add(self)
        exits.watch(self)

    @property
    def url(self) -> str:
        """The run's page on the dashboard."""
        return f"{self._settings.url}/runs/{self.id}"

    @property
    def losses(self) -> dict[str, int]:
        """What this process could not keep, counted by reason."""
        return self._worker.losses.total() if self._worker else {}

    def log(self, metrics: Mapping[str, Any], step: int | None = None) -> None:
        """Record one step's metrics: microseconds, never blocks, never raises.

        Values may be numbers, numpy scalars, 0-d arrays or tensors; a CUDA tensor is copied on
        its device and read later, by another thread. Nested mappings are flattened with ``/``.
        None is left out; NaN and infinities are recorded. Without ``step`` the run counts by
        itself, from 1 or from where the resumed run stood. Calls for one step are merged.
        """
        try:
            worker = self._worker or self._start_worker()
            if self._finished:
                worker.losses.add("after_finish")
                tell_once(f"finished:{self.id}", "run %s has ended; log() is ignored", self.id)
                return
            if len(worker.queue) >= self._settings.queue_limit:
                worker.losses.add("queue_full")
                return
            try:
                taken = freeze(metrics)
            except (TypeError, ValueError) as error:
                worker.losses.add("not_a_mapping")
                tell_once("not_a_mapping", "log() takes a mapping of metrics: %s", error)
                return
            if step is None:
                step = self._count()
            else:
                self._last_step = step
            worker.queue.append(Logged(step, time.time(), taken))
        except Exception as error:  # noqa: BLE001  # the training goes on, whatever happens here
            self._failed(error, "log")

    def ready(self) -> bool:
        """Whether the warm-up may end, by the newest verdict known; no network."""
        return self.verdict == "ready"

    def wait_ready(self, timeout: float) -> bool:
        """Wait until the verdict is ``ready``, ``timeout`` seconds at most; whether it is."""
        deadline = time.monotonic() + timeout
        while not self.ready() and (left := deadline - time.monotonic()) > 0:
            self.flush(min(left, 0.5))
            if self.ready():
                break
            time.sleep(min(max(deadline - time.monotonic(), 0.0), 0.2))
            self._ask_verdict(max(deadline - time.monotonic(), 0.1))
        return self.ready()

    def on_verdict(self, callback: Callable[[str], None]) -> None:
        """Call ``callback(verdict)`` at every change of the verdict, on the hook's thread."""
        self._callbacks.append(callback)

    def set_stage(self, stage: Stage, step: int | None = None) -> None:
        """The training enters ``stage`` with the next step (or with ``step``)."""
        if stage not in {"warmup", "stage2"}:
            raise ValueError(f"stage is {stage!r}; it must be warmup or stage2")
        at = whole_number(step if step is not None else self._last_step)
        self._put("stage", stage=stage, step=at)

    def expect_next(self, within: float) -> None:
        """Promise the next step within so many seconds, before something that takes long."""
        if not 0 < within < float("inf"):
            raise ValueError(f"within is {within!r}; it must be a positive number of seconds")
        self._put("expect", within=float(within))

    def alert(self, title: str, text: str = "", level: Level = "warning") -> None:
        """Send a message of the trainer's own to the run's alert destinations."""
        if level not in {"info", "warning", "error"}:
            raise ValueError(f"level is {level!r}; it must be info, warning or error")
        step = whole_number(self._last_step)
        self._put(
            "alert",
            id=os.urandom(8).hex(),  # sent again after a lost answer, it is told once
            title=str(title)[:300],
            text=str(text)[:10_000],
            level=level,
            step=step,
        )

    def flush(self, timeout: float = 5.0) -> bool:
        """Wait until the service has taken everything; False when it had not in time."""
        deadline = time.monotonic() + timeout
        while not self._finished and (worker := self._worker) is not None:
            if worker.delivered:
                return True
            if time.monotonic() >= deadline or self._settings.mode == "offline":
                return False
            worker.wake()
            time.sleep(0.01)
        return not self._finished

    def flush_to_disk(self) -> None:
        """Write what is in memory to the spool, without any wait for the network."""
        if self._worker is not None:
            self._worker.drain()

    def finish(self, status: Status = "finished", timeout: float | None = None) -> None:
        """Close the run: at most ``timeout`` seconds (default 5, never more than 10).

        What the service does not take in that time stays in the spool, for the next process
        or ``gadwatch sync``. Further calls do nothing.
        """
        # A forked child only delivers what it logged; the run is its parent's to end.
        forked = self._owner_pid not in {None, os.getpid()}
        self._end(None if forked else status, timeout)

    def end_with_process(self, status: Status) -> None:
        """What :meth:`finish` does, but for a run that another process has begun."""
        self._end(status if self._owner_pid == os.getpid() else None, None)

    def _end(self, status: Status | None, timeout: float | None) -> None:
        """Deliver what is there, and close the run unless ``status`` is None."""
        if self._finished:
            return
        self._finished = True
        exits.unwatch(self)
        try:
            if status is not None:
                self._put("finish", status=status)
            self._close(self._settings.finish_seconds if timeout is None else timeout)
        except Exception as error:  # noqa: BLE001  # the end of a training is no place to fail
            self._failed(error, "finish")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.finish(exits.status_of(error))

    def __reduce__(self) -> tuple[Any, ...]:
        """A run travels as its settings; at the other end it has a queue and thread of its own."""
        from gadwatch_hooks.rejoin import rejoin

        return rejoin, (self._head, self._settings.mode, self._token)

    def begin(self) -> None:
        """Tell a run that exists already what has changed since: stage, length, config."""
        facts = {name: self._head.run.get(name) for name in ("stage", "warmup_steps", "config")}
        if given := {name: value for name, value in facts.items() if value}:
            self._put("begin", **given)

    def start(self, seconds: float) -> bool:
        """Begin to talk; wait for the first answer up to ``seconds``. Whether there was one."""
        worker = self._worker or self._start_worker()
        if self._settings.mode != "online":
            return True
        worker.contacted.wait(seconds)
        if worker.trouble or not worker.contacted.is_set():
            log.warning(
                "%s is not reachable (%s); training goes on, steps are kept in %s",
                self._settings.url,
                worker.trouble or "no answer yet",
                worker.spool_path or "memory",
            )
            return False
        return True

    def _start_worker(self) -> Worker:
        with self._counting:
            if self._worker is None:
                owner = self._owner_pid == os.getpid()
                head = self._head if owner else joined_head(self._head)
                self._worker = Worker(head, self._settings, self._on_reply)
                if not owner:
                    _close_at_end_of_child(self)
            return self._worker

    def _put(self, name: str, **facts: Any) -> None:
        """Queue something that is no step; it keeps its place among the steps."""
        if self._closed:
            return
        worker = self._worker or self._start_worker()
        worker.queue.append(Operation(name, facts))

    def _config_changed(self, config: dict[str, Any]) -> None:
        self._put("config", config=config)

    def _count(self) -> int:
        with self._counting:
            self._last_step = (whole_number(self._last_step) or 0) + 1
            return self._last_step

    def _close(self, seconds: float) -> None:
        self._closed = True
        worker = self._worker
        if worker is None:
            return
        delivered = worker.close(min(max(seconds, 0.0), 10.0))
        if not delivered and self._settings.mode == "online":
            log.warning(
                "not everything has reached %s (%s); the rest is in %s: "
                "the next run on this machine or `gadwatch sync` sends it",
                self._settings.url,
                worker.trouble or "it took too long",
                worker.spool_path or "no spool, and so lost",
            )
        elif not delivered:
            log.warning("offline run: `gadwatch sync %s` sends it", worker.spool_path)

    def _on_reply(self, body: dict[str, Any]) -> None:
        """What the service says beside yes; runs on the worker's thread."""
        last_step = body.get("last_step")
        if self._last_step == 0 and isinstance(last_step, int):
            self._last_step = last_step
        health, verdict = body.get("health"), body.get("verdict", body.get("readiness"))
        if isinstance(verdict, dict):
            verdict = verdict.get("verdict")
        if isinstance(health, str):
            self.health = health
        if isinstance(verdict, str) and verdict != self.verdict:
            self.verdict = verdict
            for callback in self._callbacks:
                try:
                    callback(verdict)
                except Exception as error:  # noqa: BLE001  # the trainer's code, our thread
                    log.warning("on_verdict callback failed: %r", error)

    def _ask_verdict(self, seconds: float) -> None:
        """One look at the readiness, which may change without a step of this process."""
        from gadwatch_hooks.transport import ServiceAwayError, Transport

        transport = Transport(self._settings.url, self._settings.token)
        wait = max(0, min(20, int(seconds) - 1))
        try:
            path = f"/runs/{self.id}/readiness?wait={wait}"
            reply = transport.exchange("GET", path, timeout=seconds)
        except ServiceAwayError as error:
            log.debug("no readiness: %s", error)
            return
        finally:
            transport.close()
        if reply.status == 200:
            self._on_reply(reply.body)

    def _failed(self, error: Exception, where: str) -> None:
        if self._worker is not None:
            self._worker.losses.add("internal_error")
        swallow(error, where)

    def _after_fork(self) -> None:
        """In a forked child: the thread, the queue and the files stay the parent's."""
        self._worker = None
        self._counting = Lock()


_alive: "weakref.WeakSet[Run]" = weakref.WeakSet()


def _reset_after_fork() -> None:
    for run in _alive:
        run._after_fork()  # noqa: SLF001  # the same module


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_reset_after_fork)


def _close_at_end_of_child(run: Run) -> None:
    """Processes of ``multiprocessing`` skip ``atexit``; they have an end of their own."""
    if "multiprocessing.util" in sys.modules:
        from multiprocessing.util import Finalize

        Finalize(run, run.end_with_process, args=("finished",), exitpriority=10)
