# ruff: noqa: ARG002 - the verbs keep the names of their arguments
from collections.abc import Callable, Mapping
from typing import Any

from gadwatch_hooks.config import Config
from gadwatch_hooks.exits import Status
from gadwatch_hooks.run import Run
from gadwatch_hooks.settings import Settings
from gadwatch_hooks.spool import Head


class DisabledRun(Run):
    """``mode="disabled"`` and every rank but the first: the same verbs, nothing behind them."""

    def __init__(self, head: Head, settings: Settings) -> None:
        self.id = head.run_id
        self.project = head.run["project"]
        self.name = head.run["name"]
        self.config = Config(head.run["config"], lambda _: None)
        self.verdict = self.health = None
        self._head = head
        self._settings = settings
        self._token = None
        self._worker = None
        self._finished = self._closed = False
        self._last_step = 0

    def __reduce__(self) -> tuple[Any, ...]:
        """What does nothing here does nothing elsewhere."""
        from gadwatch_hooks.rejoin import rejoin

        return rejoin, (self._head, "disabled", None)

    def log(self, metrics: Mapping[str, Any], step: int | None = None) -> None:
        """Nothing."""

    def wait_ready(self, timeout: float) -> bool:
        """False, at once."""
        return False

    def on_verdict(self, callback: Callable[[str], None]) -> None:
        """Nothing: there will be no verdict."""

    def start(self, seconds: float) -> bool:
        """True."""
        return True

    def flush(self, timeout: float = 5.0) -> bool:
        """True: there is nothing to send."""
        return True

    def finish(self, status: Status = "finished", timeout: float | None = None) -> None:
        """Nothing."""
        self._finished = True

    def _put(self, name: str, **facts: Any) -> None:
        """Nothing."""

    def end_with_process(self, status: Status) -> None:
        """Nothing."""
