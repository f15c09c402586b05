"""The fold of one step, and its taking back. Constant work, whatever came before."""

from math import isfinite

from gadwatch_rules import gate
from gadwatch_rules.catalogue import add_derived
from gadwatch_rules.hold import QUIET, State, update
from gadwatch_rules.program import Program
from gadwatch_rules.results import Severity, Status
from gadwatch_rules.state import RunState


def open_step(state: RunState, step: int) -> None:
    """Close the open step for good and count a new one."""
    state.logged.update(state.open_values)
    state.before_cells = {}
    state.before_latch = state.latch
    state.before_bad_position = state.bad_position
    state.steps += 1
    if state.first_step is None:
        state.first_step = step
    if state.segment_start is None:
        state.segment_start = step
    state.last_step = step
    state.age = step - state.segment_start + 1


def fold(state: RunState, program: Program, values: dict[str, float]) -> None:
    """Judge the open step with these canonical values.

    1. Values, and what is derived from them, enter their windows; non-finite ones do not.
    2. Every rule judges what concerns it; its cell holds the answer.
    3. The gate judges its clauses, which see the cells.
    """
    step = state.last_step
    assert step is not None
    state.open_values = values
    state.position = position = state.position + 1
    values = dict(values)
    add_derived(values, state.logged)
    windows = state.windows
    broken = [
        name
        for name, value in values.items()
        if name in windows and not windows[name].push(value, position, isfinite(value))
    ]
    state.folded = tuple(values)
    if broken:
        state.bad_position = position
    cells = state.cells
    firing = State.FIRING
    ok = Status.OK
    for index, rule in program.judged:
        cell = cells[index]
        result = rule.judge(state, cell.state is firing)
        if result is None or (cell is QUIET and result.status is ok):
            continue
        new = update(cell, result, rule.hold, step)
        if new is not cell:
            state.set_cell(index, new)
    if broken or state.active:
        _judge_finite(state, program, broken, step)
        state.open_critical = sum(
            cells[index].state is firing and cells[index].severity is Severity.CRITICAL
            for index in state.active
        )
    elif state.open_critical:
        state.open_critical = 0
    if program.pack.gate is not None:
        settings = program.pack.gate
        state.latch = gate.step_latch(state.latch, gate.measure(state, settings), settings, step)


def _judge_finite(state: RunState, program: Program, broken: list[str], step: int) -> None:
    concerned = {program.finite[name] for name in broken if name in program.finite}
    concerned.update(state.active & program.finite_indexes)
    for index in sorted(concerned):
        cell, rule = state.cells[index], program.rules[index]
        result = rule.judge(state, cell.state is State.FIRING)
        if result is not None:
            new = update(cell, result, rule.hold, step)
            if new is not cell:
                state.set_cell(index, new)


def take_back(state: RunState) -> None:
    """Undo the fold of the open step, for it is folded again with more values."""
    for name in state.folded:
        if name in state.windows:
            state.windows[name].undo()
    for index, cell in state.before_cells.items():
        state.put_cell(index, cell)
    state.before_cells = {}
    state.latch = state.before_latch
    state.bad_position = state.before_bad_position
    state.position -= 1
