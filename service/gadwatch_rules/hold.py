"""Hold before firing, keep after clearing: the life of one rule on one metric.

1. Each judgement shifts one bit into the cell's histories: at least warning, and critical.
2. A severity fires when enough of its newest bits are set (M of N), or at once where the
   judgement says so. Unknown judgements shift nothing.
3. A firing finding resolves after ``clean`` judgements in a row without a bit; a critical one
   falls back to warning after ``clean`` judgements without a critical bit.
4. While the critic is learning nothing fires; the bits gather and the finding is pending.
"""

from collections.abc import Mapping
from enum import IntEnum
from typing import NamedTuple

from gadwatch_rules.results import Result, Severity, Status


class State(IntEnum):
    """Where an episode stands."""

    QUIET = 0
    PENDING = 1
    FIRING = 2

    @property
    def word(self) -> str:
        """The word used in assessments; a quiet cell has resolved what it announced."""
        return ("resolved", "pending", "firing")[self]


class Cell(NamedTuple):
    """The memory of one rule on one metric. Immutable, so that a step can be taken back."""

    bad: int = 0
    critical: int = 0
    clean: int = 0
    state: State = State.QUIET
    severity: Severity = Severity.NONE
    first_step: int = 0
    last_step: int = 0
    value: float | None = None
    limit: str = ""
    reason: str = ""
    facts: Mapping[str, float | str] = {}


QUIET = Cell()


class Hold(NamedTuple):
    """M of the last N judgements fire; ``clean`` good ones in a row resolve."""

    fire: int = 5
    window: int = 8
    clean: int = 8
    warning: Severity = Severity.WARNING
    """The severity that a warning of this rule has (notice and info rules lower it)."""


def update(cell: Cell, result: Result, hold: Hold, step: int) -> Cell:
    """The cell after one judgement; the same object when nothing has changed."""
    status = result.status
    if status is Status.UNKNOWN:
        return cell
    if status is Status.OK:
        return cell if cell is QUIET else _cleared(cell, hold)

    mask = (1 << hold.window) - 1
    bad = ((cell.bad << 1) | 1) & mask
    critical = ((cell.critical << 1) | (status is Status.CRITICAL)) & mask
    severity = hold.warning if status is Status.WARNING else Severity.CRITICAL
    state = State.PENDING
    if result.learning:
        return Cell(
            bad,
            critical,
            0,
            state,
            severity,
            cell.first_step or step,
            step,
            result.value,
            result.limit,
            "learning",
            {**result.facts, "because": result.reason},
        )
    fired = cell.severity if cell.state is State.FIRING else Severity.NONE
    if critical.bit_count() >= hold.fire or result.at_once is Status.CRITICAL:
        fired = Severity.CRITICAL
    elif fired is Severity.CRITICAL:
        if critical == 0:
            fired = hold.warning
    elif bad.bit_count() >= hold.fire or result.at_once is Status.WARNING:
        fired = max(fired, hold.warning)
    if fired:
        severity, state = fired, State.FIRING
    return Cell(
        bad,
        critical,
        0,
        state,
        severity,
        cell.first_step or step,
        step,
        result.value,
        result.limit,
        result.reason,
        result.facts,
    )


def _cleared(cell: Cell, hold: Hold) -> Cell:
    mask = (1 << hold.window) - 1
    bad = (cell.bad << 1) & mask
    critical = (cell.critical << 1) & mask
    clean = cell.clean + 1
    if clean >= hold.clean or (cell.state is State.PENDING and not bad):
        return QUIET
    severity = cell.severity
    if severity is Severity.CRITICAL and critical == 0 and cell.state is State.FIRING and bad:
        severity = hold.warning
    return cell._replace(bad=bad, critical=critical, clean=clean, severity=severity)
