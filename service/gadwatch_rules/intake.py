"""From what a trainer logged to canonical values of watched metrics."""

from collections.abc import Callable, Mapping

from gadwatch_rules.catalogue import canonical_name, means_percent
from gadwatch_rules.findings import Changes
from gadwatch_rules.state import RunState
from gadwatch_rules.step import Step

_REMEMBERED = 4096


class Intake:
    """Canonicalises steps; remembers which names are watched."""

    def __init__(self, watches: Callable[[str], bool]) -> None:
        self._watches = watches
        self._names: dict[str, str | None] = {}

    def take(
        self, state: RunState, step: Step, opened: Mapping[str, float], changes: Changes
    ) -> dict[str, float]:
        """The new values of a step, by canonical name.

        ``opened`` holds what this step has brought already. Of two names for one metric in
        one step the canonical one counts; else the first value stays.
        """
        names = self._names
        values: dict[str, float] = {}
        for raw, given in step.metrics.items():
            name = names[raw] if raw in names else self._look_up(raw)
            if name is None:
                continue
            value = float(given)
            if value > 1 and means_percent(name, value):
                state.percent.add(name)
            if name in state.percent:
                value *= 0.01
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

    def _look_up(self, raw: str) -> str | None:
        name: str | None = canonical_name(raw)
        if name is not None and not self._watches(name):
            name = None
        if len(self._names) < _REMEMBERED:
            self._names[raw] = name
        return name
