"""Graphs of nodes, inquiries, what people say to agents, sessions."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "audit",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("who", sa.Text(), nullable=False),
        sa.Column("did", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("workflow_id", sa.BigInteger(), nullable=True),
        sa.Column("node_id", sa.BigInteger(), nullable=True),
        sa.Column("inquiry_id", sa.BigInteger(), nullable=True),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("command_key", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit")),
    )
    with op.batch_alter_table("audit", schema=None) as batch_op:
        batch_op.create_index("ix_audit_workflow_id", ["workflow_id", "id"], unique=False)

    op.create_table(
        "session_entries",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("project_key", sa.Text(), nullable=False),
        sa.Column("session_id", sa.Text(), nullable=False),
        sa.Column("subpath", sa.Text(), nullable=False),
        sa.Column("uuid", sa.Text(), nullable=True),
        sa.Column("entry", sa.JSON(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_session_entries")),
    )
    with op.batch_alter_table("session_entries", schema=None) as batch_op:
        batch_op.create_index(
            "ix_session_entries_session",
            ["project_key", "session_id", "subpath", "id"],
            unique=False,
        )
        batch_op.create_index(
            "uq_session_entries_uuid",
            ["project_key", "session_id", "subpath", "uuid"],
            unique=True,
            sqlite_where=sa.text("uuid IS NOT NULL"),
            postgresql_where=sa.text("uuid IS NOT NULL"),
        )

    op.create_table(
        "inquiries",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column(
            "workflow_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False
        ),
        sa.Column(
            "request_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False
        ),
        sa.Column("node_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column(
            "content", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), nullable=False
        ),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("decision", sa.Text(), nullable=True),
        sa.Column("quorum", sa.Integer(), nullable=False),
        sa.Column(
            "approvers", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), nullable=False
        ),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("remind_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["node_id"], ["nodes.id"], name=op.f("fk_inquiries_node_id")),
        sa.ForeignKeyConstraint(
            ["request_id"], ["requests.id"], name=op.f("fk_inquiries_request_id")
        ),
        sa.ForeignKeyConstraint(
            ["workflow_id"], ["workflows.id"], name=op.f("fk_inquiries_workflow_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_inquiries")),
    )
    with op.batch_alter_table("inquiries", schema=None) as batch_op:
        batch_op.create_index(
            "ix_inquiries_expiring",
            ["expires_at"],
            unique=False,
            sqlite_where=sa.text("status = 'open'"),
            postgresql_where=sa.text("status = 'open'"),
        )
        batch_op.create_index("ix_inquiries_node_id", ["node_id", "id"], unique=False)
        batch_op.create_index(
            "ix_inquiries_open",
            ["workflow_id", "id"],
            unique=False,
            sqlite_where=sa.text("status = 'open'"),
            postgresql_where=sa.text("status = 'open'"),
        )
        batch_op.create_index(
            "ix_inquiries_reminding",
            ["remind_at"],
            unique=False,
            sqlite_where=sa.text("status = 'open' AND remind_at IS NOT NULL"),
            postgresql_where=sa.text("status = 'open' AND remind_at IS NOT NULL"),
        )
        batch_op.create_index(
            "ix_inquiries_request_id",
            ["request_id", "id"],
            unique=False,
            sqlite_where=sa.text("status = 'open'"),
            postgresql_where=sa.text("status = 'open'"),
        )

    op.create_table(
        "messages",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("node_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("author", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("taken_by", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["author"], ["people.id"], name=op.f("fk_messages_author")),
        sa.ForeignKeyConstraint(["node_id"], ["nodes.id"], name=op.f("fk_messages_node_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_messages")),
        sa.UniqueConstraint("key", name=op.f("uq_messages_key")),
    )
    with op.batch_alter_table("messages", schema=None) as batch_op:
        batch_op.create_index("ix_messages_node_id", ["node_id", "id"], unique=False)
        batch_op.create_index(
            "ix_messages_untaken",
            ["node_id"],
            unique=False,
            sqlite_where=sa.text("taken_by IS NULL"),
            postgresql_where=sa.text("taken_by IS NULL"),
        )

    op.create_table(
        "needs",
        sa.Column("node_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("on_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.ForeignKeyConstraint(["node_id"], ["nodes.id"], name=op.f("fk_needs_node_id")),
        sa.ForeignKeyConstraint(["on_id"], ["nodes.id"], name=op.f("fk_needs_on_id")),
        sa.PrimaryKeyConstraint("node_id", "on_id", name=op.f("pk_needs")),
    )
    with op.batch_alter_table("needs", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_needs_on_id"), ["on_id"], unique=False)

    op.create_table(
        "votes",
        sa.Column(
            "inquiry_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False
        ),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("decision", sa.Text(), nullable=False),
        sa.Column("comment", sa.Text(), nullable=False),
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("command_key", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["by"], ["people.id"], name=op.f("fk_votes_by")),
        sa.ForeignKeyConstraint(["inquiry_id"], ["inquiries.id"], name=op.f("fk_votes_inquiry_id")),
        sa.PrimaryKeyConstraint("inquiry_id", "revision", "by", name=op.f("pk_votes")),
    )
    with op.batch_alter_table("events", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column(
                "inquiry_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True
            )
        )
        batch_op.alter_column("node_id", existing_type=sa.BigInteger(), nullable=True)
        batch_op.create_index(
            "ix_events_inquiry",
            ["inquiry_id"],
            unique=False,
            sqlite_where=sa.text("inquiry_id IS NOT NULL"),
            postgresql_where=sa.text("inquiry_id IS NOT NULL"),
        )
        batch_op.create_foreign_key(
            batch_op.f("fk_events_inquiry_id"), "inquiries", ["inquiry_id"], ["id"]
        )

    with op.batch_alter_table("files", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column(
                "request_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True
            )
        )
        batch_op.alter_column("node_id", existing_type=sa.BigInteger(), nullable=True)
        batch_op.create_index(
            "ix_files_request_id",
            ["request_id"],
            unique=False,
            sqlite_where=sa.text("request_id IS NOT NULL"),
            postgresql_where=sa.text("request_id IS NOT NULL"),
        )
        batch_op.create_foreign_key(
            batch_op.f("fk_files_request_id"), "requests", ["request_id"], ["id"]
        )

    with op.batch_alter_table("nodes", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column(
                "graph_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True
            )
        )
        batch_op.add_column(
            sa.Column("key", sa.Text(), server_default=sa.text("('')"), nullable=False)
        )
        batch_op.add_column(
            sa.Column(
                "parent_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True
            )
        )
        batch_op.add_column(sa.Column("skipped_for", sa.BigInteger(), nullable=True))
        batch_op.add_column(
            sa.Column("redo", sa.Boolean(), server_default=sa.false(), nullable=False)
        )
        batch_op.add_column(
            sa.Column(
                "data", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), nullable=True
            )
        )
        batch_op.create_index(
            "ix_nodes_parent_id",
            ["parent_id"],
            unique=False,
            sqlite_where=sa.text("parent_id IS NOT NULL"),
            postgresql_where=sa.text("parent_id IS NOT NULL"),
        )
        batch_op.create_index(
            "ix_nodes_ready",
            ["workflow_id", "kind", "requested_by", "id"],
            unique=False,
            sqlite_where=sa.text("status = 'blocked' AND unmet = 0"),
            postgresql_where=sa.text("status = 'blocked' AND unmet = 0"),
        )
        batch_op.create_index(
            "ix_nodes_skipped_for",
            ["skipped_for"],
            unique=False,
            sqlite_where=sa.text("skipped_for IS NOT NULL"),
            postgresql_where=sa.text("skipped_for IS NOT NULL"),
        )
        batch_op.create_index(
            "ix_nodes_unfinished",
            ["request_id", "id"],
            unique=False,
            sqlite_where=sa.text("status NOT IN ('completed', 'failed', 'cancelled', 'skipped')"),
            postgresql_where=sa.text(
                "status NOT IN ('completed', 'failed', 'cancelled', 'skipped')"
            ),
        )
        batch_op.create_index(
            "ix_nodes_waiting",
            ["workflow_id"],
            unique=False,
            sqlite_where=sa.text("status = 'waiting'"),
            postgresql_where=sa.text("status = 'waiting'"),
        )
        batch_op.create_index(
            "uq_nodes_key",
            ["workflow_id", "key"],
            unique=True,
            sqlite_where=sa.text("key <> ''"),
            postgresql_where=sa.text("key <> ''"),
        )
        batch_op.create_foreign_key(
            batch_op.f("fk_nodes_graph_id"), "requests", ["graph_id"], ["id"]
        )
        batch_op.create_foreign_key(
            batch_op.f("fk_nodes_parent_id"), "nodes", ["parent_id"], ["id"]
        )

    with op.batch_alter_table("requests", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column("title", sa.Text(), server_default=sa.text("('')"), nullable=False)
        )
        batch_op.add_column(
            sa.Column("on_failure", sa.Text(), server_default="continue", nullable=False)
        )
        batch_op.add_column(
            sa.Column("reason", sa.Text(), server_default=sa.text("('')"), nullable=False)
        )
        batch_op.add_column(sa.Column("budget", sa.Numeric(precision=12, scale=6), nullable=True))

    with op.batch_alter_table("runs", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column(
                "reserved",
                sa.Numeric(precision=12, scale=6),
                server_default=sa.text("(0.00)"),
                nullable=False,
            )
        )

    with op.batch_alter_table("workflows", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column("title", sa.Text(), server_default=sa.text("('')"), nullable=False)
        )

    if op.get_bind().dialect.name == "sqlite":
        for verb in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER audit_no_{verb.lower()} BEFORE {verb} ON audit "
                "BEGIN SELECT RAISE(ABORT, 'the audit only grows'); END"
            )
    else:
        op.execute(
            "CREATE FUNCTION audit_only_grows() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN RAISE EXCEPTION 'the audit only grows'; END $$"
        )
        op.execute(
            "CREATE TRIGGER audit_only_grows BEFORE UPDATE OR DELETE ON audit "
            "FOR EACH STATEMENT EXECUTE FUNCTION audit_only_grows()"
        )


def downgrade() -> None:
    op.execute("DELETE FROM events WHERE node_id IS NULL")
    with op.batch_alter_table("workflows", schema=None) as batch_op:
        batch_op.drop_column("title")

    with op.batch_alter_table("runs", schema=None) as batch_op:
        batch_op.drop_column("reserved")

    with op.batch_alter_table("requests", schema=None) as batch_op:
        batch_op.drop_column("budget")
        batch_op.drop_column("reason")
        batch_op.drop_column("on_failure")
        batch_op.drop_column("title")

    with op.batch_alter_table("nodes", schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f("fk_nodes_parent_id"), type_="foreignkey")
        batch_op.drop_constraint(batch_op.f("fk_nodes_graph_id"), type_="foreignkey")
        batch_op.drop_index(
            "uq_nodes_key", sqlite_where=sa.text("key <> ''"), postgresql_where=sa.text("key <> ''")
        )
        batch_op.drop_index(
            "ix_nodes_waiting",
            sqlite_where=sa.text("status = 'waiting'"),
            postgresql_where=sa.text("status = 'waiting'"),
        )
        batch_op.drop_index(
            "ix_nodes_unfinished",
            sqlite_where=sa.text("status NOT IN ('completed', 'failed', 'cancelled', 'skipped')"),
            postgresql_where=sa.text(
                "status NOT IN ('completed', 'failed', 'cancelled', 'skipped')"
            ),
        )
        batch_op.drop_index(
            "ix_nodes_skipped_for",
            sqlite_where=sa.text("skipped_for IS NOT NULL"),
            postgresql_where=sa.text("skipped_for IS NOT NULL"),
        )
        batch_op.drop_index(
            "ix_nodes_ready",
            sqlite_where=sa.text("status = 'blocked' AND unmet = 0"),
            postgresql_where=sa.text("status = 'blocked' AND unmet = 0"),
        )
        batch_op.drop_index(
            "ix_nodes_parent_id",
            sqlite_where=sa.text("parent_id IS NOT NULL"),
            postgresql_where=sa.text("parent_id IS NOT NULL"),
        )
        batch_op.drop_column("data")
        batch_op.drop_column("redo")
        batch_op.drop_column("skipped_for")
        batch_op.drop_column("parent_id")
        batch_op.drop_column("key")
        batch_op.drop_column("graph_id")

    with op.batch_alter_table("files", schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f("fk_files_request_id"), type_="foreignkey")
        batch_op.drop_index(
            "ix_files_request_id",
            sqlite_where=sa.text("request_id IS NOT NULL"),
            postgresql_where=sa.text("request_id IS NOT NULL"),
        )
        batch_op.alter_column("node_id", existing_type=sa.BigInteger(), nullable=False)
        batch_op.drop_column("request_id")

    with op.batch_alter_table("events", schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f("fk_events_inquiry_id"), type_="foreignkey")
        batch_op.drop_index(
            "ix_events_inquiry",
            sqlite_where=sa.text("inquiry_id IS NOT NULL"),
            postgresql_where=sa.text("inquiry_id IS NOT NULL"),
        )
        batch_op.alter_column("node_id", existing_type=sa.BigInteger(), nullable=False)
        batch_op.drop_column("inquiry_id")

    op.drop_table("votes")
    with op.batch_alter_table("needs", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_needs_on_id"))

    op.drop_table("needs")
    with op.batch_alter_table("messages", schema=None) as batch_op:
        batch_op.drop_index(
            "ix_messages_untaken",
            sqlite_where=sa.text("taken_by IS NULL"),
            postgresql_where=sa.text("taken_by IS NULL"),
        )
        batch_op.drop_index("ix_messages_node_id")

    op.drop_table("messages")
    with op.batch_alter_table("inquiries", schema=None) as batch_op:
        batch_op.drop_index(
            "ix_inquiries_request_id",
            sqlite_where=sa.text("status = 'open'"),
            postgresql_where=sa.text("status = 'open'"),
        )
        batch_op.drop_index(
            "ix_inquiries_reminding",
            sqlite_where=sa.text("status = 'open' AND remind_at IS NOT NULL"),
            postgresql_where=sa.text("status = 'open' AND remind_at IS NOT NULL"),
        )
        batch_op.drop_index(
            "ix_inquiries_open",
            sqlite_where=sa.text("status = 'open'"),
            postgresql_where=sa.text("status = 'open'"),
        )
        batch_op.drop_index("ix_inquiries_node_id")
        batch_op.drop_index(
            "ix_inquiries_expiring",
            sqlite_where=sa.text("status = 'open'"),
            postgresql_where=sa.text("status = 'open'"),
        )

    op.drop_table("inquiries")
    with op.batch_alter_table("session_entries", schema=None) as batch_op:
        batch_op.drop_index(
            "uq_session_entries_uuid",
            sqlite_where=sa.text("uuid IS NOT NULL"),
            postgresql_where=sa.text("uuid IS NOT NULL"),
        )
        batch_op.drop_index("ix_session_entries_session")

    op.drop_table("session_entries")
    with op.batch_alter_table("audit", schema=None) as batch_op:
        batch_op.drop_index("ix_audit_workflow_id")

    op.drop_table("audit")

    if op.get_bind().dialect.name != "sqlite":
        op.execute("DROP FUNCTION audit_only_grows() CASCADE")
