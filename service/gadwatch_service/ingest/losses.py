"""Losses of a run, added up from what its sessions report."""

from collections.abc import Mapping
from typing import Final

from gadwatch_service.judging.run import StateRow

REMEMBERED: Final = 32
"""Sessions whose counts are kept apart. One that comes back after so many others is added again;
a run rarely has more than a few."""


def count_losses(row: StateRow, session: str | None, counts: Mapping[str, int]) -> dict[str, int]:
    """Add a session's counts so far to the run's totals; what they have grown by, by reason.

    A session's counts begin at 0 and only grow, so that a report that comes twice, or late, adds
    nothing twice.
    """
    known = dict(next((old for name, old in row.session_losses if name == session), {}))
    grown = {
        reason: count - known.get(reason, 0)
        for reason, count in counts.items()
        if count > known.get(reason, 0)
    }
    if not grown:
        return {}
    known.update((reason, counts[reason]) for reason in grown)
    others = [[name, old] for name, old in row.session_losses if name != session]
    row.session_losses = [*others, [session, known]][-REMEMBERED:]
    totals = {reason: row.losses.get(reason, 0) + more for reason, more in grown.items()}
    row.losses = {**row.losses, **totals}
    return grown
