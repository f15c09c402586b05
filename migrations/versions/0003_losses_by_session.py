"""What each session of a run reports as lost, so that totals of several can be added up."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "run_states",
        sa.Column("session_losses", postgresql.JSONB(), nullable=False, server_default="[]"),
    )
    op.alter_column("run_states", "session_losses", server_default=None)
