"""Quiet stretches: steps of a healthy run that change nothing but windows, folded together.

Nearly all steps are like that. Whether these are is asked of whole columns, at a tenth of what
judging them one by one costs. A yes must be right, for then nobody judges them; a no may be wrong,
and costs little.
"""

from collections.abc import Sequence
from itertools import pairwise
from math import isfinite

from gadwatch_rules.calm import stays_ready
from gadwatch_rules.catalogue import D_ACC
from gadwatch_rules.derived import add_derived_columns
from gadwatch_rules.intake import Intake
from gadwatch_rules.program import Program
from gadwatch_rules.state import RunState
from gadwatch_rules.step import Step
from gadwatch_rules.stretch import Stretch

LEAST = 8
"""Fewer steps than these are judged as quickly one by one."""

MOST = 64
"""Steps that are looked at together: one that is not quiet makes all of them be judged singly."""


def skim(state: RunState, program: Program, intake: Intake, steps: Sequence[Step]) -> bool:
    """Take quiet steps into the windows; False when they are to be judged, with nothing changed.

    1. Nothing is pending or firing, and the steps go on behind the open one.
    2. What is derived is derived at all of them, and every value is finite.
    3. No rule would have anything to say at any step, and the gate's verdict stays ready.
    4. Then all that their fold would change is windows and counters.

    The steps must be followed by one that is folded, for what belongs to the open step is not
    touched. Times are the caller's.
    """
    if state.active or state.silent or state.segment_start is None or state.last_step is None:
        return False
    numbers = [state.last_step, *(step.step for step in steps)]
    if not all(earlier < later for earlier, later in pairwise(numbers)):
        return False
    found = intake.columns(state, steps)
    if found is None:
        return False
    columns, rare = found
    if D_ACC in columns and state.stage == "generic":
        # It turns into a warm-up.
        return False
    names = set(columns)
    logged = state.logged | state.logged_now.keys()
    if not add_derived_columns(columns, rare, logged):
        return False
    if not all(isfinite(sum(column)) for column in columns.values()):
        return False
    size = len(steps)
    watched = {name: column for name, column in columns.items() if name in state.windows}
    stretch = Stretch(state.windows, watched, size, state.position, logged)
    if not _quiet(state, program, stretch):
        return False
    state.logged = logged | names
    state.steps += size
    state.position += size
    state.last_step = steps[-1].step
    state.age = state.last_step - state.segment_start + 1
    state.open_critical = 0
    first = state.position - size + 1
    for name, column in watched.items():
        offsets = rare.get(name, [size - 2, size - 1])
        state.windows[name].extend(column, [first + offset for offset in offsets])
    return True


def _quiet(state: RunState, program: Program, stretch: Stretch) -> bool:
    concerned = [
        rule for name in stretch.columns for _, rule in program.by_metric.get(name, ())
    ] + [rule for _, rule in program.absence]
    gate = program.pack.gate
    return all(rule.quiet(stretch) for rule in concerned) and (
        gate is None or stays_ready(state, gate, stretch)
    )
