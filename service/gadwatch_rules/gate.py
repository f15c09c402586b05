"""The gate at the end of the warm-up: the verdict, and the latch that keeps it calm.

1. Every step of the warm-up each clause is judged over its metric's newest ``window`` values.
2. Any clause that fails makes ``not_ready``; else any unknown makes ``insufficient_data``;
   else the verdict is ``ready``.
3. A ready verdict is latched: it falls when a safety clause does not pass, or when a target
   clause lies beyond its widened margin for ``breach_steps`` steps in a row.
"""

from typing import NamedTuple

from gadwatch_rules.gate_settings import GateSettings
from gadwatch_rules.measures import CLAUSES, FAIL, PASS, SAFETY, GateView, Measured

READY = "ready"
NOT_READY = "not_ready"
INSUFFICIENT = "insufficient_data"


class Latch(NamedTuple):
    """The gate's memory. Immutable, so that a step can be taken back."""

    verdict: str = INSUFFICIENT
    since_step: int | None = None
    first_ready_step: int | None = None
    breaches: int = 0


def measure(view: GateView, settings: GateSettings) -> list[Measured]:
    """Every clause, in the order of :data:`CLAUSES`."""
    return [clause(view, settings) for clause in CLAUSES]


def verdict(clauses: list[Measured]) -> str:
    """The verdict of the clauses alone, without the latch."""
    answer = READY
    for status, _, _, _ in clauses:
        if status is FAIL:
            return NOT_READY
        if status is not PASS:
            answer = INSUFFICIENT
    return answer


def step_latch(latch: Latch, clauses: list[Measured], settings: GateSettings, step: int) -> Latch:
    """The gate's memory after one step; the same object when nothing has changed."""
    raw = verdict(clauses)
    if latch.verdict == READY:
        if raw == READY:
            return latch._replace(breaches=0) if latch.breaches else latch
        if all(status is PASS for status, _, _, _ in clauses[: len(SAFETY)]):
            beyond = any(beyond for _, _, beyond, _ in clauses[len(SAFETY) :])
            breaches = latch.breaches + 1 if beyond else 0
            if breaches < settings.breach_steps:
                return latch._replace(breaches=breaches)
    if raw == latch.verdict and latch.since_step is not None:
        return latch
    first = latch.first_ready_step
    if raw == READY and first is None:
        first = step
    return Latch(raw, step, first)
