import csv
from typing import Any

from gadwatch_hooks.readers.jsonl import STEP_NAMES, TIME_NAMES
from gadwatch_hooks.readers.numbers import parse_number
from gadwatch_hooks.readers.record import Entry, LineParser
from gadwatch_hooks.readers.times import unix_seconds

NAME_COLUMNS = ("metric", "name", "key", "tag")
VALUE_COLUMNS = ("value",)


class Csv(LineParser):
    """A table with a header: wide (a column a metric) or long (columns metric and value).

    An empty cell was not logged; ``nan`` is a value. Commas, semicolons and tabs separate.
    Without a step column the rows are counted from 1.
    """

    name = "CSV"
    looks_for = "a header with a step column and metric columns, or with step, metric and value"

    def __init__(self) -> None:
        self._header: list[str] = []
        self._separator = ","
        self._roles()

    def feed(self, line: str) -> list[Entry]:
        """The first line is the header, any other an entry; the header again is passed over."""
        if not line.strip():
            return []
        if not self._header:
            self._separator = max(",;\t", key=line.count)
            self._header = [cell.strip().lstrip("\ufeff") for cell in self._cells(line)]
            self._roles()
            return []
        cells = self._cells(line)
        if cells and cells[-1].strip() == self._header[-1]:  # the header again
            return []
        row = dict(zip(self._header, cells, strict=False))
        metrics = self._long(row) if self._metric and self._value else self._wide(row)
        if not metrics:
            return []
        step = parse_number(row.get(self._step, "")) if self._step else None
        whole = int(step) if step is not None and step == step // 1 else None
        if self._step and whole is None:
            return []
        time = unix_seconds(row.get(self._time)) if self._time else None
        return [Entry(metrics, whole, time, counts=self._step is None)]

    def state(self) -> dict[str, Any]:
        """The header."""
        return {"header": self._header, "separator": self._separator}

    def resume(self, state: dict[str, Any]) -> None:
        """Go on below the header."""
        self._header, self._separator = list(state["header"]), state["separator"]
        self._roles()

    def _roles(self) -> None:
        """Which column is what."""
        lower = {name.lower(): name for name in reversed(self._header)}
        self._step = next((lower[n.lower()] for n in STEP_NAMES if n.lower() in lower), None)
        self._time = next((lower[n] for n in TIME_NAMES if n in lower), None)
        self._metric = next((lower[n] for n in NAME_COLUMNS if n in lower), None)
        self._value = next((lower[n] for n in VALUE_COLUMNS if n in lower), None)

    def _long(self, row: dict[str, str]) -> dict[str, float]:
        assert self._metric is not None
        assert self._value is not None
        name = row.get(self._metric, "").strip()
        number = parse_number(row.get(self._value, ""))
        return {name: number} if name and number is not None else {}

    def _wide(self, row: dict[str, str]) -> dict[str, float]:
        metrics: dict[str, float] = {}
        for name, cell in row.items():
            try:
                metrics[name] = float(cell)
            except ValueError:
                if cell and (number := parse_number(cell)) is not None:
                    metrics[name] = number
        for column in (self._step, self._time, ""):
            metrics.pop(column or "", None)
        return metrics

    def _cells(self, line: str) -> list[str]:
        try:
            return next(csv.reader([line], delimiter=self._separator), [])
        except csv.Error:  # a carriage return or an endless cell: no row of a metrics table
            return []
