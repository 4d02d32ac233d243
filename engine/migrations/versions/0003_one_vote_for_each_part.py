"""Inquiries whose parts are decided one by one, budgets that people raise, retention."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

WHOLE = ["inquiry_id", "revision", "by"]
ADMITTED = "status IN ('pending', 'active')"
PRESENT = {"sqlite": "strftime('%Y-%m-%d %H:%M:%f000', 'now')", "postgresql": "now()"}


def upgrade() -> None:
    op.create_table(
        "purses",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("raised", sa.Numeric(precision=12, scale=6), nullable=False),
        sa.Column("raised_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("noted", sa.Numeric(precision=12, scale=6), nullable=False),
        sa.Column("noted_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_purses")),
    )
    _vote_once_for([*WHOLE, "target"])
    op.add_column("workflows", sa.Column("kept_since", sa.DateTime(timezone=True), nullable=True))
    op.execute(f"UPDATE workflows SET kept_since = {PRESENT[op.get_bind().dialect.name]}")  # noqa: S608 - a constant of this file
    _partial("workflows", "ix_workflows_kept_since", ["kept_since"], "kept_since IS NOT NULL")
    _partial("events", "ix_events_no_node", ["workflow_id", "id"], "coalesce(node_id, 0) = 0")
    _partial("workflows", "ix_workflows_parked", ["id"], "parked <> ''")
    op.create_index("ix_runs_started_at", "runs", ["started_at"])
    op.drop_index("ix_nodes_admitted", table_name="nodes")
    _partial("nodes", "ix_nodes_admitted", ["requested_by", "status"], ADMITTED)
    op.create_index("ix_requests_workflow_id", "requests", ["workflow_id", "id"])


def downgrade() -> None:
    op.drop_index("ix_nodes_admitted", table_name="nodes")
    _partial("nodes", "ix_nodes_admitted", ["requested_by"], ADMITTED)
    op.drop_index("ix_requests_workflow_id", table_name="requests")
    op.drop_index("ix_runs_started_at", table_name="runs")
    op.drop_index("ix_workflows_parked", table_name="workflows")
    op.drop_index("ix_events_no_node", table_name="events")
    op.drop_index("ix_workflows_kept_since", table_name="workflows")
    op.drop_column("workflows", "kept_since")
    op.execute(
        "DELETE FROM votes WHERE target <> '' AND inquiry_id IN "
        "(SELECT id FROM inquiries WHERE kind IN ('tool', 'question'))"
    )
    _vote_once_for(WHOLE)
    op.drop_table("purses")


def _vote_once_for(columns: list[str]) -> None:
    with op.batch_alter_table("votes", schema=None) as batch_op:
        batch_op.drop_constraint("pk_votes", type_="primary")
        batch_op.create_primary_key("pk_votes", columns)


def _partial(table: str, name: str, columns: list[str], where: str) -> None:
    condition = sa.text(where)
    op.create_index(name, table, columns, sqlite_where=condition, postgresql_where=condition)
