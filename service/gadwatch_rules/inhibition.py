"""Which findings say what a stronger one says already.

- a non-finite value hides the level findings of its metric;
- a critical finding hides the weaker ones on the same metric;
- a stalled run hides what is less than critical: its levels are old.
"""

from collections.abc import Sequence

from gadwatch_rules.hold import Cell, State
from gadwatch_rules.primitives import Rule
from gadwatch_rules.results import Severity

PENDING_BITS = 3
"""A pending finding shows when this many of its newest judgements were bad: fewer is noise."""


def shown(cell: Cell) -> bool:
    """Whether a cell is worth a line: firing, learning, or well on its way to fire."""
    return cell.state is State.FIRING or (
        cell.state is State.PENDING
        and (cell.reason == "learning" or cell.bad.bit_count() >= PENDING_BITS)
    )


def inhibitors(
    active: Sequence[int], cells: Sequence[Cell], rules: Sequence[Rule]
) -> dict[int, str]:
    """The hidden ones among the active cells, each with the rule that hides it."""
    if len(active) < 2:
        return {}
    stalled = next((index for index in active if rules[index].kind == "stalled"), None)
    strongest: dict[str, int] = {}
    for index in active:
        cell, rule = cells[index], rules[index]
        if cell.state is not State.FIRING or cell.severity is not Severity.CRITICAL:
            continue
        held = strongest.get(rule.metric)
        if held is None or rule.kind == "finite":
            strongest[rule.metric] = index
    hidden = {}
    for index in active:
        weak = cells[index].severity < Severity.CRITICAL
        if stalled is not None and index != stalled and weak:
            hidden[index] = rules[stalled].id
            continue
        top = strongest.get(rules[index].metric)
        if top is None or top == index:
            continue
        cell = cells[index]
        weaker = cell.severity < Severity.CRITICAL or cell.state is not State.FIRING
        if weaker or rules[top].kind == "finite":
            hidden[index] = rules[top].id
    return hidden
