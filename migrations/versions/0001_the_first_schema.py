"""The first schema."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


METRIC_POINTS = """
CREATE VIEW metric_points AS
SELECT t.run_id, t.attempt, r.metrics[i] AS metric, t.step, t.time, t.values[i] AS value
FROM tail t
JOIN runs r ON r.run_id = t.run_id
CROSS JOIN LATERAL generate_subscripts(t.values, 1) AS i
WHERE t.values[i] IS NOT NULL
UNION ALL
SELECT b.run_id, b.attempt, r.metrics[b.metric + 1], coalesce(b.steps[i], b.first_step + i - 1),
       to_timestamp(times.values[i]), b.values[i]
FROM blocks b
JOIN runs r ON r.run_id = b.run_id
JOIN blocks times ON times.run_id = b.run_id AND times.attempt = b.attempt
    AND times.metric = -1 AND times.first_step = b.first_step
CROSS JOIN LATERAL generate_subscripts(b.values, 1) AS i
LEFT JOIN tail t ON t.run_id = b.run_id AND t.attempt = b.attempt
    AND t.step = coalesce(b.steps[i], b.first_step + i - 1)
WHERE b.metric >= 0 AND b.values[i] IS NOT NULL AND t.values[b.metric + 1] IS NULL
"""
"""Every stored value as a plain row, for psql and Grafana; a late value in the tail wins."""


def upgrade() -> None:
    op.create_table(
        "attempts",
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("attempt", sa.BigInteger(), nullable=False),
        sa.Column("sessions", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("first_step", sa.BigInteger(), nullable=True),
        sa.Column("last_step", sa.BigInteger(), nullable=True),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("stages", postgresql.JSONB(), nullable=False),
        sa.PrimaryKeyConstraint("run_id", "attempt", name="pk_attempts"),
    )
    op.create_table(
        "blocks",
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("attempt", sa.BigInteger(), nullable=False),
        sa.Column("metric", sa.SmallInteger(), nullable=False),
        sa.Column("first_step", sa.BigInteger(), nullable=False),
        sa.Column("last_step", sa.BigInteger(), nullable=False),
        sa.Column("steps", postgresql.ARRAY(sa.BigInteger()), nullable=True),
        sa.Column("values", postgresql.ARRAY(sa.Double()), nullable=False),
        sa.Column("count", sa.SmallInteger(), nullable=False),
        sa.Column("finite", sa.SmallInteger(), nullable=False),
        sa.Column("minimum", sa.Double(), nullable=True),
        sa.Column("maximum", sa.Double(), nullable=True),
        sa.Column("total", sa.Double(), nullable=True),
        sa.Column("minimum_step", sa.BigInteger(), nullable=True),
        sa.Column("maximum_step", sa.BigInteger(), nullable=True),
        sa.Column("nonfinite_step", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("run_id", "attempt", "metric", "first_step", name="pk_blocks"),
        postgresql_with={"toast_tuple_target": "8160"},
    )
    op.create_table(
        "beats",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_beats"),
    )
    op.create_table(
        "deliveries",
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("delivery_id", sa.Text(), nullable=False),
        sa.Column("endpoint_id", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("payload", postgresql.JSONB(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("leased_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("leased_by", sa.Text(), nullable=True),
        sa.Column("attempts", sa.BigInteger(), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("digest_id", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("run_id", "delivery_id", name="pk_deliveries"),
    )
    op.create_index(
        "ix_deliveries_created_at_delivery_id", "deliveries", ["created_at", "delivery_id"]
    )
    op.create_index("ix_deliveries_delivery_id", "deliveries", ["delivery_id"])
    op.create_index(
        "ix_deliveries_endpoint_id_due_at",
        "deliveries",
        ["endpoint_id", "due_at"],
        postgresql_where=sa.text("due_at IS NOT NULL"),
    )
    op.create_index(
        "ix_deliveries_run_id_endpoint_id_created_at",
        "deliveries",
        ["run_id", "endpoint_id", "created_at"],
    )
    op.create_table(
        "delivery_attempts",
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("delivery_id", sa.Text(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ok", sa.Boolean(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("duration_ms", sa.Integer(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("run_id", "delivery_id", "number", name="pk_delivery_attempts"),
    )
    op.create_table(
        "endpoints",
        sa.Column("endpoint_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("address", sa.LargeBinary(), nullable=False),
        sa.Column("address_hint", sa.Text(), nullable=False),
        sa.Column("secrets", sa.LargeBinary(), nullable=True),
        sa.Column("filters", postgresql.JSONB(), nullable=False),
        sa.Column("policy", postgresql.JSONB(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("disabled_reason", sa.Text(), nullable=True),
        sa.Column("consecutive_failures", sa.Integer(), nullable=False),
        sa.Column("paused_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("next_slot_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("endpoint_id", name="pk_endpoints"),
        sa.UniqueConstraint("name", name="uq_endpoints_name"),
    )
    op.create_table(
        "findings",
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("attempt", sa.BigInteger(), nullable=False),
        sa.Column("rule", sa.Text(), nullable=False),
        sa.Column("metric", sa.Text(), nullable=False),
        sa.Column("first_step", sa.BigInteger(), nullable=False),
        sa.Column("severity", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("last_step", sa.BigInteger(), nullable=False),
        sa.Column("value", sa.Double(), nullable=True),
        sa.Column("limit", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("facts", postgresql.JSONB(), nullable=False),
        sa.Column("first_seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("acknowledged_by", sa.Text(), nullable=True),
        sa.Column("acknowledged_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint(
            "run_id", "attempt", "rule", "metric", "first_step", name="pk_findings"
        ),
    )
    op.create_index("ix_findings_changed_at_run_id", "findings", ["changed_at", "run_id"])
    op.create_index(
        "ix_findings_open", "findings", ["run_id"], postgresql_where=sa.text("state <> 'resolved'")
    )
    op.create_table(
        "notices",
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("endpoint_id", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("attempt", sa.BigInteger(), nullable=False),
        sa.Column("event", postgresql.JSONB(), nullable=False),
        sa.Column("told", sa.Text(), nullable=True),
        sa.Column("told_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("review_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("acknowledged", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("run_id", "endpoint_id", "subject", name="pk_notices"),
    )
    op.create_index(
        "ix_notices_review_at",
        "notices",
        ["review_at"],
        postgresql_where=sa.text("review_at IS NOT NULL"),
    )
    op.create_table(
        "projects",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("overrides", postgresql.JSONB(), nullable=False),
        sa.Column("overrides_changed_by", sa.Text(), nullable=True),
        sa.Column("overrides_changed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("retention", postgresql.JSONB(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_projects"),
    )
    op.create_table(
        "run_states",
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("stage", sa.Text(), nullable=False),
        sa.Column("attempt", sa.BigInteger(), nullable=False),
        sa.Column("pack", sa.Text(), nullable=False),
        sa.Column("engine_state", sa.LargeBinary(), nullable=True),
        sa.Column("state_step", sa.BigInteger(), nullable=True),
        sa.Column("replay_wanted", sa.Boolean(), nullable=False),
        sa.Column("replays_asked", sa.BigInteger(), nullable=False),
        sa.Column("seal_wanted", sa.Boolean(), nullable=False),
        sa.Column("tail_rows", sa.BigInteger(), nullable=False),
        sa.Column("first_step", sa.BigInteger(), nullable=True),
        sa.Column("last_step", sa.BigInteger(), nullable=True),
        sa.Column("steps", sa.BigInteger(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_seen_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("promised_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("stall_due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("health", sa.Text(), nullable=False),
        sa.Column("verdict", sa.Text(), nullable=False),
        sa.Column("verdict_since", sa.BigInteger(), nullable=True),
        sa.Column("first_ready_step", sa.BigInteger(), nullable=True),
        sa.Column("open_findings", postgresql.JSONB(), nullable=False),
        sa.Column("latest", postgresql.JSONB(), nullable=False),
        sa.Column("sparkline", postgresql.ARRAY(sa.Double()), nullable=False),
        sa.Column("losses", postgresql.JSONB(), nullable=False),
        sa.PrimaryKeyConstraint("run_id", name="pk_run_states"),
        postgresql_with={"fillfactor": "70"},
    )
    op.create_index(
        "ix_run_states_stall_due_at",
        "run_states",
        ["stall_due_at"],
        postgresql_where=sa.text("stall_due_at IS NOT NULL"),
    )
    op.create_index(
        "ix_run_states_work",
        "run_states",
        ["run_id"],
        postgresql_where=sa.text("seal_wanted OR replay_wanted"),
    )
    op.create_table(
        "runs",
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("project", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("group_name", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("warmup_steps", sa.BigInteger(), nullable=True),
        sa.Column("config", postgresql.JSONB(), nullable=False),
        sa.Column("tags", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("overrides", postgresql.JSONB(), nullable=False),
        sa.Column("overrides_changed_by", sa.Text(), nullable=True),
        sa.Column("overrides_changed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("metrics", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("percent", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.PrimaryKeyConstraint("run_id", name="pk_runs"),
    )
    op.create_index("ix_runs_created_at_run_id", "runs", ["created_at", "run_id"])
    op.create_index(
        "ix_runs_project_created_at_run_id", "runs", ["project", "created_at", "run_id"]
    )
    op.create_table(
        "sessions",
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.Column("token_id", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("hash", name="pk_sessions"),
    )
    op.create_table(
        "silences",
        sa.Column("silence_id", sa.Text(), nullable=False),
        sa.Column("project", sa.Text(), nullable=True),
        sa.Column("run_id", sa.Text(), nullable=True),
        sa.Column("rule", sa.Text(), nullable=True),
        sa.Column("comment", sa.Text(), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("silence_id", name="pk_silences"),
    )
    op.create_table(
        "tail",
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("attempt", sa.BigInteger(), nullable=False),
        sa.Column("step", sa.BigInteger(), nullable=False),
        sa.Column("time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("values", postgresql.ARRAY(sa.Double()), nullable=False),
        sa.PrimaryKeyConstraint("run_id", "attempt", "step", name="pk_tail"),
    )
    op.create_table(
        "tokens",
        sa.Column("token_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.Column("scopes", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("projects", postgresql.ARRAY(sa.Text()), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("token_id", name="pk_tokens"),
        sa.UniqueConstraint("hash", name="uq_tokens_hash"),
    )
    op.create_table(
        "verdicts",
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("attempt", sa.BigInteger(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("step", sa.BigInteger(), nullable=False),
        sa.Column("verdict", sa.Text(), nullable=False),
        sa.Column("clauses", postgresql.JSONB(), nullable=False),
        sa.Column("pack", sa.Text(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("run_id", "attempt", "number", name="pk_verdicts"),
    )
    op.execute(METRIC_POINTS)
