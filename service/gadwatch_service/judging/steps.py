"""Stored steps as the rules take them: what they judge of each, by name or by column."""

from collections.abc import Sequence
from itertools import zip_longest
from typing import Final, overload

from gadwatch_rules import Step, Steps, Table
from gadwatch_service.history.steps import StoredStep
from gadwatch_service.judging.run import JudgedRun


def as_step(run: JudgedRun, row: StoredStep) -> Step:
    """A stored step as the rules take it: what they judge of it, by name."""
    values = row.values
    width = len(values)
    metrics = {
        name: value
        for name, place in run.watched
        if place < width and (value := values[place]) is not None
    }
    return Step(row.step, metrics, row.time)


class StoredSteps(Steps):
    """Steps of one run, in order."""

    def __init__(self, run: JudgedRun, rows: Sequence[StoredStep]) -> None:
        self._run: Final = run
        self._rows: Final = rows

    def __len__(self) -> int:
        return len(self._rows)

    @overload
    def __getitem__(self, at: int) -> Step: ...

    @overload
    def __getitem__(self, at: slice) -> "StoredSteps": ...

    def __getitem__(self, at: int | slice) -> "Step | StoredSteps":
        if isinstance(at, slice):
            return StoredSteps(self._run, self._rows[at])
        return as_step(self._run, self._rows[at])

    def table(self) -> Table:
        """All of them by column."""
        # The run may have got more metrics meanwhile: what older rows lack at their end is absent.
        values = list(zip_longest(*[row.values for row in self._rows]))
        columns: dict[str, list[float]] = {}
        rare: dict[str, list[int]] = {}
        for name, place in self._run.watched:
            if place >= len(values):
                continue
            column = values[place]
            if None not in column:
                columns[name] = list(column)  # type: ignore[arg-type] # none is None
            elif there := [at for at, value in enumerate(column) if value is not None]:
                columns[name] = [column[at] for at in there]  # type: ignore[misc]
                rare[name] = there[-2:]
        times: list[float | None] = [row.time for row in self._rows]
        return Table([row.step for row in self._rows], times, columns, rare)
