"""Quiet stretches: steps at which no finding begins or ends, and no verdict, folded together.

Nearly all steps are like that. Whether these are is asked of whole columns, at a fraction of what
judging them one by one costs. A yes must be right, for then nobody judges them; a no may be wrong,
and costs little.
"""

from itertools import pairwise
from math import isfinite

from gadwatch_rules.calm import Outlook
from gadwatch_rules.carry import carry
from gadwatch_rules.catalogue import D_ACC
from gadwatch_rules.derived import add_derived_columns
from gadwatch_rules.hold import Cell
from gadwatch_rules.program import Program
from gadwatch_rules.state import RunState
from gadwatch_rules.step import Table
from gadwatch_rules.stretch import Stretch

LEAST = 4
"""Fewer steps than these are judged as quickly one by one."""

MOST = 64
"""Steps that are looked at together: one that is not quiet makes all of them be judged singly."""


def skim(state: RunState, program: Program, table: Table) -> bool:
    """Take quiet steps into the windows; False when they are to be judged, with nothing changed.

    1. The run is heard of, its values are finite, and the steps go on behind the open one.
    2. What is derived is derived at all of them.
    3. Findings that are pending or firing stay so, at the same severity; their values move.
    4. No other rule would have anything to say at any step, and the gate's verdict stands.
    5. Then all that their fold would change is windows, counters and the values of findings.

    The steps must be followed by one that is folded, for what belongs to the open step is not
    touched. Times are the caller's.
    """
    if state.silent or state.segment_start is None or state.last_step is None:
        return False
    numbers, columns, rare = table.steps, table.columns, table.rare
    if not all(earlier < later for earlier, later in pairwise((state.last_step, *numbers))):
        return False
    if D_ACC in columns and state.stage == "generic":
        # It turns into a warm-up.
        return False
    names = set(columns)
    logged = state.logged | state.logged_now.keys()
    if not add_derived_columns(columns, rare, logged):
        return False
    if not all(isfinite(sum(column)) for column in columns.values()):
        return False
    watched = {name: column for name, column in columns.items() if name in state.windows}
    stretch = Stretch(state.windows, watched, numbers, state.position, logged)
    cells = _carried(state, program, stretch)
    if cells is None or not _quiet(state, program, stretch):
        return False
    for index, cell in cells.items():
        state.put_cell(index, cell)
    size = stretch.size
    state.logged = logged | names
    state.steps += size
    state.position += size
    state.last_step = numbers[-1]
    state.age = state.last_step - state.segment_start + 1
    state.open_critical = state.criticals
    first = state.position - size + 1
    for name, column in watched.items():
        offsets = rare.get(name, [size - 2, size - 1])
        state.windows[name].extend(column, [first + offset for offset in offsets])
    return True


def _carried(state: RunState, program: Program, stretch: Stretch) -> dict[int, Cell] | None:
    """The cells of what is pending or firing after the steps; None when one begins or ends.

    What is broken or missing is left to the fold: it hardly ever goes on for long.
    """
    if not state.active.isdisjoint(program.finite_indexes | program.absence_indexes):
        return None
    cells = {}
    for index in state.active:
        cell = carry(state, program.rules[index], state.cells[index], stretch)
        if cell is None:
            return None
        cells[index] = cell
    return cells


def _quiet(state: RunState, program: Program, stretch: Stretch) -> bool:
    concerned = [one for name in stretch.columns for one in program.by_metric.get(name, ())]
    gate = program.pack.gate
    return all(
        index in state.active or rule.quiet(stretch)
        for index, rule in (*concerned, *program.absence)
    ) and (gate is None or Outlook(state, gate, stretch).stands())
