"""Every stored step of a run as csv, jsonl or parquet, a portion at a time."""

import csv
import io
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, Final, Literal

import msgspec

from gadwatch_rules.jsonsafe import safe
from gadwatch_service.history.reading import iterate_steps
from gadwatch_service.history.steps import StoredStep
from gadwatch_service.store.database import Database, driver_connection

Format = Literal["csv", "jsonl", "parquet"]

MEDIA_TYPES: Final[dict[Format, str]] = {
    "csv": "text/csv; charset=utf-8",
    "jsonl": "application/x-ndjson",
    "parquet": "application/vnd.apache.parquet",
}

Portion = Sequence[StoredStep]
Column = tuple[str, int]


async def export(
    database: Database,
    run_id: str,
    attempt: int,
    columns: Sequence[Column],
    kind: Format,
    steps: tuple[int, int],
) -> AsyncIterator[bytes]:
    """The file, piece by piece; memory is needed for one portion of steps only.

    ``columns`` are the metrics' names and places, ``steps`` the first and the last. A line of
    jsonl has the form of a pushed step, so that it can be pushed again. csv leaves out what was
    not logged and writes ``NaN``, ``Infinity``, ``-Infinity``; parquet has nulls.
    """
    writer = _WRITERS[kind](columns)
    yield writer.start()
    async with database.connection() as connection:
        driver = await driver_connection(connection)
        async for portion in iterate_steps(driver, run_id, attempt, *steps):
            yield writer.rows(portion)
    yield writer.end()


class _Csv:
    def __init__(self, columns: Sequence[Column]) -> None:
        self._columns = columns

    def start(self) -> bytes:
        return self._lines([["step", "time", *(name for name, _ in self._columns)]])

    def rows(self, portion: Portion) -> bytes:
        return self._lines(
            [row.step, _iso(row.time), *map(safe, _values(row, self._columns))] for row in portion
        )

    def end(self) -> bytes:
        return b""

    @staticmethod
    def _lines(lines: Any) -> bytes:
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows(lines)
        return text.getvalue().encode()


class _Jsonl:
    def __init__(self, columns: Sequence[Column]) -> None:
        self._columns = columns
        self._encode = msgspec.json.Encoder().encode_lines

    def start(self) -> bytes:
        return b""

    def rows(self, portion: Portion) -> bytes:
        return self._encode(
            [
                {"step": row.step, "time": _iso(row.time), "metrics": dict(self._metrics(row))}
                for row in portion
            ]
        )

    def _metrics(self, row: StoredStep) -> Iterator[tuple[str, Any]]:
        values = _values(row, self._columns)
        for (name, _), value in zip(self._columns, values, strict=True):
            if value is not None:
                yield name, safe(value)

    def end(self) -> bytes:
        return b""


class _Parquet:
    def __init__(self, columns: Sequence[Column]) -> None:
        import pyarrow as pa
        from pyarrow import parquet

        self._arrow = pa
        self._columns = columns
        self._schema = pa.schema(
            [
                ("step", pa.int64()),
                ("time", pa.timestamp("us", tz="UTC")),
                *((name, pa.float64()) for name, _ in columns),
            ]
        )
        self._sink = _Sink()
        self._file = parquet.ParquetWriter(self._sink, self._schema)

    def start(self) -> bytes:
        return self._sink.take()

    def rows(self, portion: Portion) -> bytes:
        table = [_values(row, self._columns) for row in portion]
        columns = [
            [row.step for row in portion],
            [round(row.time * 1_000_000) for row in portion],
            *([row[place] for row in table] for place in range(len(self._columns))),
        ]
        arrays = [
            self._arrow.array(column, field.type)
            for column, field in zip(columns, self._schema, strict=True)
        ]
        self._file.write_table(self._arrow.Table.from_arrays(arrays, schema=self._schema))
        return self._sink.take()

    def end(self) -> bytes:
        self._file.close()
        return self._sink.take()


class _Sink(io.RawIOBase):
    """A file that is read while it is written."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._size = 0

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        part = bytes(data)
        self._parts.append(part)
        self._size += len(part)
        return len(part)

    def tell(self) -> int:
        return self._size

    def take(self) -> bytes:
        """What was written since the last time."""
        parts, self._parts = self._parts, []
        return b"".join(parts)


_WRITERS: Final[dict[Format, Callable[[Sequence[Column]], Any]]] = {
    "csv": _Csv,
    "jsonl": _Jsonl,
    "parquet": _Parquet,
}


def _values(row: StoredStep, columns: Sequence[Column]) -> list[float | None]:
    values = row.values
    return [values[place] if place < len(values) else None for _, place in columns]


def _iso(time: float) -> str:
    return datetime.fromtimestamp(time, UTC).isoformat(timespec="microseconds")
