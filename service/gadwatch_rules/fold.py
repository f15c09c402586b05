"""The fold of one step, and its taking back. Constant work, whatever came before."""

from math import isfinite

from gadwatch_rules import gate
from gadwatch_rules.derived import add_derived
from gadwatch_rules.hold import QUIET, Cell, State, update
from gadwatch_rules.primitives import Rule
from gadwatch_rules.program import Program
from gadwatch_rules.results import OK, Result, Status
from gadwatch_rules.state import RunState


def open_step(state: RunState, step: int) -> None:
    """Close the open step for good and count a new one."""
    state.logged.update(state.logged_now)
    if state.before_cells:
        state.before_cells = {}
    state.before_latch = state.latch
    state.before_told = state.told
    state.before_bad_position = state.bad_position
    if state.first_step is None:
        state.first_step = step
    if state.segment_start is None:
        state.segment_start = step
    state.last_step = step
    state.age = step - state.segment_start + 1


def fold(state: RunState, program: Program, logged: dict[str, float]) -> None:
    """Judge the open step with these canonical values.

    1. Values, and what is derived from them, enter their windows; non-finite ones do not.
    2. Every rule that they trigger judges; its cell holds the answer.
    3. The gate judges its clauses, which see the cells.
    """
    step = state.last_step
    assert step is not None
    state.position = position = state.position + 1
    values = dict(logged)
    add_derived(values, state.logged)
    state.logged_now = logged
    state.open_values = values
    windows = state.windows
    finite = values
    # A sum of finite values is finite, short of an overflow, which the slow way sorts out.
    if not isfinite(sum(values.values())):
        finite = {name: value for name, value in values.items() if isfinite(value)}
        if len(finite) < len(values):
            state.bad_position = position
    folded = [name for name in finite if name in windows]
    for name in folded:
        windows[name].push(finite[name], position)
    state.folded = folded

    cells, by_metric = state.cells, program.by_metric
    for name in folded:
        for index, rule in by_metric.get(name, ()):
            cell = cells[index]
            result = rule.judge(state, cell is not QUIET and cell.state is State.FIRING)
            if result is not None and (result is not OK or cell is not QUIET):
                _hold(state, index, rule, cell, result)
    # With every needed metric there, only an absence that is told already can change.
    if not (program.needed <= finite.keys() and state.active.isdisjoint(program.absence_indexes)):
        for index, rule in program.absence:
            result = rule.judge(state, firing=False)
            if result is not None:
                _hold(state, index, rule, cells[index], result)
    if state.active or state.bad_position == position:
        _judge_finite(state, program)
    elif state.open_critical:
        state.open_critical = 0
    if program.pack.gate is not None:
        settings = program.pack.gate
        state.latch = gate.step_latch(state.latch, gate.measure(state, settings), settings, step)


def _hold(state: RunState, index: int, rule: Rule, cell: Cell, result: Result) -> None:
    if cell is QUIET and result.status is Status.OK:
        return
    new = update(cell, result, rule.hold, state.last_step or 0)
    if new is not cell:
        state.set_cell(index, new)


def _judge_finite(state: RunState, program: Program) -> None:
    """Ask the finite rules, which need asking only when something is or was broken."""
    concerned = state.active & program.finite_indexes
    if state.bad_position == state.position:
        broken = (name for name, value in state.open_values.items() if not isfinite(value))
        concerned |= {program.finite[name] for name in broken if name in program.finite}
    cells = state.cells
    for index in sorted(concerned):
        rule = program.rules[index]
        result = rule.judge(state, firing=False)
        if result is not None:
            _hold(state, index, rule, cells[index], result)
    state.open_critical = state.criticals


def take_back(state: RunState) -> None:
    """Undo the fold of the open step, for it is folded again with more values."""
    for name in state.folded:
        state.windows[name].undo()
    for index, cell in state.before_cells.items():
        state.put_cell(index, cell)
    state.before_cells = {}
    state.latch = state.before_latch
    state.told = state.before_told
    state.bad_position = state.before_bad_position
    state.position -= 1
