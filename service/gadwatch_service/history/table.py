from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from gadwatch_service.history.steps import StoredStep
from gadwatch_service.store.binary import Floats, unpack_floats, unpack_rows

Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Table:
    """Some steps of an attempt in order, as arrays.

    ``values`` has a row a step and a column a metric, NaN where nothing was logged; ``present``
    says where something was, None meaning everywhere.
    """

    steps: Ints
    times: Floats
    values: Floats
    present: NDArray[np.bool_] | None

    def __len__(self) -> int:
        return len(self.steps)

    def __getitem__(self, part: slice) -> "Table":
        present = None if self.present is None else self.present[part]
        return Table(self.steps[part], self.times[part], self.values[part], present)

    @classmethod
    def of_packed(cls, rows: Sequence[tuple[int, float, bytes]]) -> Self:
        """From step, time and the values as ``array_send`` gives them."""
        steps = np.array([row[0] for row in rows], np.int64)
        times = np.array([row[1] for row in rows], np.float64)
        packed = [row[2] for row in rows]
        whole = unpack_rows(packed)
        if whole is not None:
            return cls(steps, times, whole, None)
        parts = [unpack_floats(data) for data in packed]
        width = max((len(values) for values, _ in parts), default=0)
        table = np.full((len(rows), width), np.nan)
        present = np.zeros((len(rows), width), bool)
        for place, (values, known) in enumerate(parts):
            table[place, : len(values)] = values
            present[place, : len(values)] = True if known is None else known
        return cls(steps, times, table, present)

    @classmethod
    def of_rows(cls, rows: Sequence[StoredStep]) -> Self:
        """From single steps."""
        width = max((len(row.values) for row in rows), default=0)
        lists = [[*row.values, *[None] * (width - len(row.values))] for row in rows]
        return cls(
            np.array([row.step for row in rows], np.int64),
            np.array([row.time for row in rows], np.float64),
            np.array(lists, np.float64).reshape(len(rows), width),
            np.array([[value is not None for value in values] for values in lists], bool).reshape(
                len(rows), width
            ),
        )
