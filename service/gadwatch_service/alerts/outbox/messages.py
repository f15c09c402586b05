"""The trainer's own messages: told like findings, remembered by their ids."""

from typing import Final, Literal

from gadwatch_service.alerts.events import Event, Kind, Severity
from gadwatch_service.alerts.outbox import repository
from gadwatch_service.alerts.outbox.listener import facts_of
from gadwatch_service.alerts.outbox.record import record_events
from gadwatch_service.judging.hold import Hold

Level = Literal["info", "warning", "error"]

_SEVERITY: Final[dict[Level, Severity]] = {
    "info": "info",
    "warning": "warning",
    "error": "critical",
}

RULE: Final = "message"
"""Stands for the rule of a message, so that a silence can name it."""


async def record_message(
    hold: Hold, message_id: str, title: str, text: str, level: Level, step: int | None
) -> None:
    """Write the outbox rows of a message in the transaction that holds its run.

    One that comes again under its id is not told again. ``step`` is by default the run's newest.
    """
    targets = await repository.list_targets(hold.connection)
    if not targets:
        return
    run = facts_of(hold.run)
    at = run.step if step is None else step
    event = Event(
        kind=Kind.MESSAGE,
        subject=f"{RULE} {message_id}",
        state="firing",
        severity=_SEVERITY[level],
        step=at,
        first_step=at,
        since=hold.now.isoformat(),
        title=" ".join(title.split()),
        text=text.strip(),
        rule=RULE,
    )
    await record_events(
        hold.connection,
        run,
        {target.policy.lang: [event] for target in targets},
        targets,
        hold.now,
        assess=lambda lang: hold.run.engine.assess(hold.run.state, run.run_id, lang).as_dict(),
    )
