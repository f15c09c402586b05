import time
from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from gadwatch_hooks.breaker import Breaker
from gadwatch_hooks.delivery import Delivery, Outcome
from gadwatch_hooks.journal import Journal
from gadwatch_hooks.losses import Losses
from gadwatch_hooks.settings import Settings
from gadwatch_hooks.spool import Head, SpoolFolder, folders
from gadwatch_hooks.transport import Transport
from gadwatch_hooks.wire import op_line

LOOK_AGAIN_SECONDS = 60.0


@dataclass(frozen=True)
class Replayed:
    """What became of one folder."""

    run_id: str
    steps: int
    complete: bool
    trouble: str | None


def replay_folder(
    folder: SpoolFolder,
    settings: Settings,
    transport: Transport,
    breaker: Breaker,
    meanwhile: Callable[[], bool] = lambda: True,
) -> Replayed:
    """Send what a process has left behind, and remove its folder when all is taken."""
    losses = Losses()
    journal = Journal(folder.path, settings.spool_cap, losses)
    delivery = Delivery(
        folder.head,
        journal,
        transport,
        breaker,
        losses,
        batch_steps=settings.batch_steps,
        batch_bytes=settings.batch_bytes,
    )
    complete = False
    try:
        while meanwhile():
            outcome = delivery.send_next(settings.request_seconds, meanwhile)
            if outcome is Outcome.AWAY:
                break
            if outcome is Outcome.EMPTY:
                lost = losses.take()
                if not lost:
                    complete = True
                    break
                counts = {
                    reason: lost.get(reason, 0) + delivery.reported.get(reason, 0)
                    for reason in lost | delivery.reported
                }
                journal.append([op_line("losses", counts=counts)])
    finally:
        journal.close()
        folder.release(remove=complete)
    return Replayed(folder.head.run_id, delivery.steps_sent, complete, delivery.trouble)


class Replay:
    """Takes over what earlier processes of this machine could not send to the same service."""

    def __init__(
        self, head: Head, settings: Settings, transport: Transport, breaker: Breaker
    ) -> None:
        self._head = head
        self._settings = settings
        self._transport = transport
        self._breaker = breaker
        # Another run's trouble (its project's token, say) must not hold this run back.
        self._others_breaker = Breaker(time.monotonic, Random())  # noqa: S311  # jitter
        self._own_run_done = False
        self._look_at = 0.0

    def same_run(self, meanwhile: Callable[[], bool]) -> bool:
        """Send this run's older sessions, which must come before its new one.

        False while some of it could not be sent.
        """
        if not self._own_run_done:
            run_id = self._head.run_id
            self._own_run_done = self._take_over(meanwhile, self._breaker, run_id)
        return self._own_run_done

    def others(self, meanwhile: Callable[[], bool]) -> None:
        """Now and then, when nothing else is to be sent: other runs' left-overs."""
        if time.monotonic() >= self._look_at:
            self._take_over(meanwhile, self._others_breaker)
            self._look_at = time.monotonic() + LOOK_AGAIN_SECONDS

    def _take_over(
        self, meanwhile: Callable[[], bool], breaker: Breaker, run_id: str | None = None
    ) -> bool:
        for path in folders(self._settings.spool):
            if run_id is not None and not path.name.startswith(f"{run_id}@"):
                continue
            if (folder := SpoolFolder.take_over(path)) is None:
                continue
            # What was logged offline waits for somebody to say so; and it goes nowhere else.
            if folder.head.url != self._head.url or folder.head.mode != "online":
                folder.release(remove=False)
                continue
            done = replay_folder(folder, self._settings, self._transport, breaker, meanwhile)
            if not done.complete and (run_id is not None or breaker.is_open):
                return False
        return True
