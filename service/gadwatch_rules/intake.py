"""From what a trainer logged to canonical values of watched metrics."""

from collections.abc import Callable, Mapping, Sequence
from itertools import groupby

from gadwatch_rules.catalogue import BY_NAME, canonical_name, means_percent
from gadwatch_rules.findings import Changes
from gadwatch_rules.state import RunState
from gadwatch_rules.step import Step, Steps, Table

_REMEMBERED = 1024

Layout = tuple[str | None, ...]
"""The canonical names of a step's keys; None for a metric that nobody watches."""


class Intake:
    """Canonicalises steps. A run logs the same keys again and again: those are remembered."""

    def __init__(self, watches: Callable[[str], bool], *, fractions: bool = False) -> None:
        self._watches = watches
        self._maybe_percent = () if fractions else _PERCENT
        self._layouts: dict[tuple[str, ...], tuple[Layout, bool]] = {}

    def take(
        self, state: RunState, step: Step, opened: Mapping[str, float], changes: Changes
    ) -> dict[str, float]:
        """The new values of a step, by canonical name.

        ``opened`` holds what this step has brought already. Of two names for one metric in
        one step the canonical one counts; else the first value stays.
        """
        keys = tuple(step.metrics)
        known = self._layouts.get(keys)
        layout, clash = known if known is not None else self._lay_out(keys)
        if clash or opened:
            values = self._merge(step, layout, opened, changes)
        else:
            values = {
                name: value if type(value) is float else float(value)
                for name, value in zip(layout, step.metrics.values(), strict=True)
                if name is not None
            }
        for name in self._maybe_percent:
            if name in values:
                _as_fraction(state, name, values)
        return values

    def table(self, state: RunState, steps: Sequence[Step]) -> Table | None:
        """The watched values of many steps by column.

        None when two keys of a step are one metric, or when a value shows for the first time that
        its metric comes as percent.
        """
        table = self._watched(steps.table()) if isinstance(steps, Steps) else self._turn(steps)
        if table is None:
            return None
        columns = table.columns
        maybe = [name for name in self._maybe_percent if name in columns]
        return table if all(_fractions(state, name, columns) for name in maybe) else None

    def _watched(self, table: Table) -> Table:
        names = tuple(table.columns)
        layout, _ = self._layouts.get(names) or self._lay_out(names)
        for name in set(names).difference(layout):
            del table.columns[name]
            table.rare.pop(name, None)
        return table

    def _turn(self, steps: Sequence[Step]) -> Table | None:
        columns: dict[str, list[float]] = {}
        groups: list[tuple[int, int, Layout]] = []
        start = 0
        for keys, some in groupby([step.metrics for step in steps], tuple):
            layout, clash = self._layouts.get(keys) or self._lay_out(keys)
            if clash:
                return None
            given = [metrics.values() for metrics in some]
            for name, column in zip(layout, zip(*given, strict=True), strict=True):
                if name is not None:
                    columns.setdefault(name, []).extend(map(float, column))
            groups.append((start, start + len(given), layout))
            start += len(given)
        rare = [name for name, column in columns.items() if len(column) < len(steps)]
        return Table(
            [step.step for step in steps],
            [step.time for step in steps],
            columns,
            {name: _offsets(name, groups) for name in rare},
        )

    def _merge(
        self, step: Step, layout: Layout, opened: Mapping[str, float], changes: Changes
    ) -> dict[str, float]:
        values: dict[str, float] = {}
        for (raw, given), name in zip(step.metrics.items(), layout, strict=True):
            if name is None:
                continue
            value = float(given)
            if name not in values and name not in opened:
                values[name] = value
                continue
            kept = values[name] if name in values else opened[name]
            if kept == value or (kept != kept and value != value):  # noqa: PLR0124 - NaN
                changes.duplicates += 1
            elif raw == name and name in values:
                values[name] = value
                changes.conflicts.append((step.step, name, value, kept))
            else:
                changes.conflicts.append((step.step, name, kept, value))
        return values

    def _lay_out(self, keys: tuple[str, ...]) -> tuple[Layout, bool]:
        names = (canonical_name(key) for key in keys)
        layout = tuple(name if self._watches(name) else None for name in names)
        watched = [name for name in layout if name is not None]
        answer = layout, len(watched) != len(set(watched))
        if len(self._layouts) < _REMEMBERED:
            self._layouts[keys] = answer
        return answer


_PERCENT = tuple(name for name, metric in BY_NAME.items() if metric.percent)


def _as_fraction(state: RunState, name: str, values: dict[str, float]) -> None:
    if means_percent(name, values[name]):
        state.percent.add(name)
    if name in state.percent:
        values[name] *= 0.01


def _fractions(state: RunState, name: str, columns: dict[str, list[float]]) -> bool:
    """Turn known percent into fractions; False where a value is the first to look like percent."""
    column = columns[name]
    if name in state.percent:
        columns[name] = [value * 0.01 for value in column]
        return True
    return max(column) <= 1 or not any(means_percent(name, value) for value in column)


def _offsets(name: str, groups: Sequence[tuple[int, int, Layout]]) -> list[int]:
    """The places of the newest two of the steps that have this metric, the newest last."""
    found: list[int] = []
    for start, stop, layout in reversed(groups):
        if name in layout:
            found[:0] = range(max(start, stop - 2), stop)
            if len(found) > 1:
                break
    return found[-2:]
