"""Findings that go on through a stretch of steps as they are: only their values move."""

from collections.abc import Sequence

from gadwatch_rules.hold import Cell, State, update
from gadwatch_rules.inhibition import shown
from gadwatch_rules.primitives import Rule
from gadwatch_rules.state import RunState
from gadwatch_rules.stretch import Stretch


class _Walk:
    """What a rule may look at, step by step through a stretch: its own inputs."""

    def __init__(self, state: RunState, stretch: Stretch, inputs: Sequence[str]) -> None:
        self.windows = {name: state.windows[name].copy() for name in inputs}
        self.open_values: dict[str, float] = {}
        self.position = state.position
        self.age = state.age
        self.warmup_steps = state.warmup_steps
        self.logged = stretch.logged
        self._before_first = (state.segment_start or 0) - 1
        self._columns = [(name, stretch.columns[name]) for name in inputs if stretch.comes(name)]

    def turn_to(self, place: int, step: int) -> None:
        """Take in the values of the stretch's step at ``place``."""
        self.position += 1
        self.age = step - self._before_first
        for name, column in self._columns:
            self.windows[name].push(column[place], self.position)


def carry(state: RunState, rule: Rule, cell: Cell, stretch: Stretch) -> Cell | None:
    """The cell after all steps; None when it would not stay what it is to everybody.

    None also where some of the steps lack an input of the rule.
    """
    if stretch.lacks(rule.trigger):
        return cell
    inputs = tuple(dict.fromkeys(rule.inputs))
    if not all(stretch.comes(name) or stretch.lacks(name) for name in inputs):
        return None
    walk, seen = _Walk(state, stretch, inputs), _seen(cell)
    for place, step in enumerate(stretch.steps):
        walk.turn_to(place, step)
        result = rule.judge(walk, firing=cell.state is State.FIRING)
        if result is None:
            continue
        cell = update(cell, result, rule.hold, step)
        if _seen(cell) != seen:
            return None
    return cell


def _seen(cell: Cell) -> tuple[object, ...]:
    """What others see of a cell, its values apart."""
    return cell.state, cell.severity, cell.first_step, shown(cell)
