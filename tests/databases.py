"""Databases of the tests' own, cloned from the migrated one."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

from gadwatch_service.store.embedded import EmbeddedPostgres


def execute(url: str, *statements: str) -> None:
    """Run statements one by one, each in a transaction of its own."""
    with psycopg.connect(url.replace("+psycopg", "", 1), autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement)  # type: ignore[call-overload]


@contextmanager
def cloned(embedded: EmbeddedPostgres) -> Iterator[str]:
    """Address of a migrated, empty database that is gone afterwards.

    The template must have been migrated: ask for the fixture ``postgres_url`` too.
    """
    name = f"test_{uuid.uuid4().hex[:12]}"
    admin = embedded.url("postgres")
    execute(admin, f"CREATE DATABASE {name} TEMPLATE gadwatch STRATEGY file_copy")
    yield embedded.url(name)
    execute(admin, f"DROP DATABASE {name} WITH (FORCE)")
