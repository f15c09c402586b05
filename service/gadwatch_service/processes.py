"""Further processes of one service, all serving the same port."""

import logging
import multiprocessing
import os
import signal
import socket
import threading
from collections.abc import Callable, Sequence
from multiprocessing import connection
from multiprocessing.process import BaseProcess
from typing import Any, Final, Self

from gadwatch_service.settings import Settings

log = logging.getLogger("gadwatch.processes")

Work = Callable[[socket.socket, Settings, Sequence[Any]], None]
"""What a helper does until it is told to end; must be importable, since it is started anew."""

_PAUSE_SECONDS: Final = 1.0
_spawning: Final = multiprocessing.get_context("spawn")


class Helpers:
    """``settings.processes - 1`` processes beside this one, for as long as the context lasts.

    One that dies is started again. They end with this one, however it ends.
    """

    def __init__(
        self, work: Work, settings: Settings, pages: Sequence[Any], listener: socket.socket
    ) -> None:
        self._work = work
        self._settings = settings
        self._arguments = (listener, settings, pages)
        self._running: list[BaseProcess] = []
        self._ending = threading.Event()
        self._keeper = threading.Thread(target=self._keep, name="helpers", daemon=True)

    def __enter__(self) -> Self:
        """Start them."""
        self._running = [self._start() for _ in range(self._settings.processes - 1)]
        if self._running:
            self._keeper.start()
        return self

    def __exit__(self, *_: object) -> None:
        """End them, the slow ones by force."""
        self._ending.set()
        if self._running:
            self._keeper.join()
        for one in self._running:
            one.terminate()
        for one in self._running:
            one.join(self._settings.shutdown_seconds + 5)
            if one.is_alive():
                one.kill()
                one.join()

    def _start(self) -> BaseProcess:
        process = _spawning.Process(target=_work_with_parent, args=(self._work, self._arguments))
        process.start()
        return process

    def _keep(self) -> None:
        while not self._ending.is_set():
            dead = connection.wait([one.sentinel for one in self._running], _PAUSE_SECONDS)
            if dead and not self._ending.wait(_PAUSE_SECONDS):
                log.error("a helper process has died and is started again")
                self._running = [
                    self._start() if one.sentinel in dead else one for one in self._running
                ]


def _work_with_parent(work: Work, arguments: tuple[Any, ...]) -> None:
    threading.Thread(target=_leave_with_parent, daemon=True).start()
    work(*arguments)


def _leave_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os.kill(os.getpid(), signal.SIGTERM)
