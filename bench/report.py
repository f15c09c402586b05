"""What a benchmark hands back, and how it is told.

Every benchmark has ``measure(…) -> Data`` and ``table(data) -> str``; printing it and writing it
into the documentation are for others.
"""

from collections.abc import Sequence
from typing import Any

from bench.machine import describe, load

Data = dict[str, Any]
"""The figures of one benchmark, as JSON can hold them."""


def grid(heads: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """A table in Markdown; rows that end early are filled up."""
    lines = [heads, ["---"] * len(heads)]
    lines += [[*map(str, row), *[""] * (len(heads) - len(row))] for row in rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def show(text: str) -> None:
    """Print a table with the machine it was measured on."""
    print(f"{describe()}; load {load()}\n\n{text}")
