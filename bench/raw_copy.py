"""The limit of ingest: the same rows put into the same server by COPY, and nothing else."""

import random
import time

import psycopg

from bench.shape import metrics
from gadwatch_service.store.binary import copy_tail_rows

_COPY = "COPY raw (run_id, attempt, step, time, values) FROM STDIN (FORMAT binary)"


def raw_copy(url: str, batches: int, steps: int, width: int) -> float:
    """Points a second of binary COPY into a table like the tail, one transaction a batch."""
    rng = random.Random(1)
    rows = [(n, 1.7e9 + n, list(metrics(rng, width).values())) for n in range(batches * steps)]
    with psycopg.connect(url.replace("postgresql+psycopg://", "postgresql://")) as connection:
        connection.execute("CREATE TABLE raw (LIKE tail INCLUDING ALL)")
        connection.commit()
        begun = time.perf_counter()
        for start in range(0, len(rows), steps):
            with connection.cursor() as cursor, cursor.copy(_COPY) as copy:
                copy.write(copy_tail_rows("raw", 1, rows[start : start + steps]))
            connection.commit()
        seconds = time.perf_counter() - begun
        connection.execute("DROP TABLE raw")
        connection.commit()
    return len(rows) * width / seconds
