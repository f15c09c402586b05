"""The binary forms are those of the server: what is written comes back through its own reading."""

import math
from typing import Any

import numpy as np
import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gadwatch_service.store.binary import (
    PackedFloats,
    PackedFloatsDumper,
    copy_tail_rows,
    pack_columns,
    pack_floats,
    unpack_floats,
    unpack_rows,
)

floats = st.floats(allow_nan=True, allow_infinity=True)
arrays = st.lists(st.one_of(st.none(), floats), max_size=6)


@pytest.fixture
def connection(database_url: str) -> Any:
    with psycopg.connect(database_url.replace("+psycopg", "")) as connection:
        connection.adapters.register_dumper(PackedFloats, PackedFloatsDumper)
        yield connection


def same(one: Any, other: Any) -> bool:
    return repr(one) == repr(other)


@given(values=arrays)
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_arrays_are_the_servers(
    connection: psycopg.Connection[Any], values: list[float | None]
) -> None:
    packed = pack_floats(values)
    row = connection.execute("SELECT %b, array_send(%b)", [packed, packed]).fetchone()
    assert row is not None
    assert same(row[0], values)
    back, present = unpack_floats(row[1])
    known = [True] * len(values) if present is None else present.tolist()
    assert same([v if k else None for v, k in zip(back.tolist(), known, strict=True)], values)


@given(table=st.lists(arrays, min_size=1, max_size=5))
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_rows_of_the_tail_are_the_servers(
    connection: psycopg.Connection[Any], table: list[list[float | None]]
) -> None:
    rows = [(step, 1.7e9 + step + 0.123457, values) for step, values in enumerate(table)]
    connection.execute("TRUNCATE tail")
    statement = "COPY tail (run_id, attempt, step, time, values) FROM STDIN (FORMAT binary)"
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        copy.write(copy_tail_rows("a run", 3, rows))
    found = connection.execute(
        "SELECT step, extract(epoch FROM time)::float8, values FROM tail "
        "WHERE run_id = 'a run' AND attempt = 3 ORDER BY step"
    ).fetchall()
    assert same(found, rows)


def test_columns_and_rows_of_a_matrix() -> None:
    matrix = np.array([[1.0, math.nan], [2.5, -math.inf], [3.0, 0.0]])
    for place, packed in enumerate(pack_columns(matrix)):
        assert packed == bytes(pack_floats(matrix[:, place].tolist()))
    rows = [bytes(pack_floats(row.tolist())) for row in matrix]
    whole = unpack_rows(rows)
    assert whole is not None
    assert same(whole.tolist(), matrix.tolist())
    assert unpack_rows([*rows, bytes(pack_floats([1.0, None]))]) is None
    assert unpack_rows([]) is None
