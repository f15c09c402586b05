from alembic import context
from sqlalchemy import create_engine, text

from gadwatch_service.store.tables import Base

LOCK = 7_239_614_885_020
"""Key of the advisory lock that lets one migration run at a time."""

LOCK_TIMEOUT = "30s"
STATEMENT_TIMEOUT = "30min"


def migrate() -> None:
    engine = create_engine(context.config.attributes["url"])
    with engine.connect() as connection:
        # Whoever comes second waits here, then finds nothing left to do.
        connection.execute(text("SET statement_timeout = 0"))
        connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": LOCK})
        connection.execute(text(f"SET lock_timeout = '{LOCK_TIMEOUT}'"))
        connection.execute(text(f"SET statement_timeout = '{STATEMENT_TIMEOUT}'"))
        connection.commit()
        context.configure(
            connection=connection,
            target_metadata=Base.metadata,
            transaction_per_migration=True,
        )
        with context.begin_transaction():
            context.run_migrations()
    engine.dispose()


migrate()
