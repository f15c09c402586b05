"""How a process ends, and what that says about its runs.

========================  =========  ===============================================
end                       status     how it is seen
========================  =========  ===============================================
falls off the end         finished   ``atexit``
``sys.exit(n)``, n ≠ 0    failed     ``sys.exit`` is wrapped; ``atexit``
uncaught exception        failed     ``sys.excepthook``, chained; ``atexit``
Ctrl-C                    killed     the same, by its ``KeyboardInterrupt``
SIGTERM                   killed     handler, chained to the one that was there
SIGKILL, power            (silence)  the service's clock; the spool repairs the rest
========================  =========  ===============================================

Where the trainer has its own SIGTERM handler it may go on training (to save a checkpoint), so
its runs are only written to disk then, and closed when the process really ends.
"""

import atexit
import os
import signal
import sys
import threading
from types import FrameType, TracebackType
from typing import Any, Literal, Protocol

Status = Literal["finished", "failed", "killed"]


class Endable(Protocol):
    """A run, as far as the end of its process is concerned."""

    def end_with_process(self, status: Status) -> None:
        """Close the run with ``status``, if it is this process' to close."""

    def flush_to_disk(self) -> None:
        """Write down what is in memory."""


_open: dict[int, Endable] = {}
_installed_in: int | None = None
_status: Status = "finished"
_former: dict[str, Any] = {}


def watch(run: Endable) -> None:
    """Close ``run`` when the process ends, with the right status."""
    _open[id(run)] = run
    _install()


def unwatch(run: Endable) -> None:
    """``run`` has been closed."""
    _open.pop(id(run), None)


def noted() -> Status:
    """How this process ends, as far as it is known by now."""
    return _status


def status_of(error: BaseException | type[BaseException] | None) -> Status:
    """The status of a run that ends by ``error``."""
    kind = error if isinstance(error, type) else type(error)
    if error is None or issubclass(kind, GeneratorExit):
        return "finished"
    if issubclass(kind, KeyboardInterrupt):
        return "killed"
    if isinstance(error, SystemExit):
        return "finished" if error.code in (None, 0) else "failed"
    return "failed"


def _install() -> None:
    global _installed_in  # noqa: PLW0603  # a process has one set of hooks
    if _installed_in is None:
        _installed_in = os.getpid()
        atexit.register(_at_exit)
        _former["excepthook"], sys.excepthook = sys.excepthook, _on_exception
        _former["exit"], sys.exit = sys.exit, _on_sys_exit
    if "sigterm" not in _former and threading.current_thread() is threading.main_thread():
        former = signal.getsignal(signal.SIGTERM)
        # Ignored on purpose, or set from C, where it cannot be chained to: left alone.
        if former is not None and former is not signal.SIG_IGN:
            _former["sigterm"] = former
            signal.signal(signal.SIGTERM, _on_sigterm)


def _at_exit() -> None:
    for run in list(_open.values()):
        run.end_with_process(_status)


def _on_exception(
    kind: type[BaseException], error: BaseException, trace: TracebackType | None
) -> None:
    _note(status_of(kind))
    _former["excepthook"](kind, error, trace)


def _on_sys_exit(code: Any = None, /) -> Any:
    if threading.current_thread() is threading.main_thread():
        _note(status_of(SystemExit(code)))
    return _former["exit"](code)


def _on_sigterm(number: int, frame: FrameType | None) -> None:
    former = _former["sigterm"]
    if callable(former):
        for run in list(_open.values()):
            run.flush_to_disk()
        _note("killed")
        former(number, frame)
        return
    for run in list(_open.values()):
        run.end_with_process("killed")
    signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)  # so that the exit status tells of the signal


def _note(status: Status) -> None:
    global _status  # noqa: PLW0603  # a process ends once
    if _status != "killed":  # an exit code that follows from a signal says less
        _status = status
