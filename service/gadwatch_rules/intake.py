"""From what a trainer logged to canonical values of watched metrics."""

from collections.abc import Callable, Mapping

from gadwatch_rules.catalogue import BY_NAME, canonical_name, means_percent
from gadwatch_rules.findings import Changes
from gadwatch_rules.state import RunState
from gadwatch_rules.step import Step

_REMEMBERED = 1024

Layout = tuple[str | None, ...]
"""The canonical names of a step's keys; None for a metric that nobody watches."""


class Intake:
    """Canonicalises steps. A run logs the same keys again and again: those are remembered."""

    def __init__(self, watches: Callable[[str], bool]) -> None:
        self._watches = watches
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
        for name in _PERCENT:
            if name in values:
                _as_fraction(state, name, values)
        return values

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
