"""What keeps the ledger going: clock, events, brake, workers, purses, sessions."""

from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import JSON, BigInteger, ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from engine.clock import now
from engine.columns import Base, BigId, partial

# In the words of the indexes: SQLite sees nothing else to be the same.
UNDELIVERED = "notify AND delivered_at IS NULL"
# Not IS NULL: that would have SQLite read all of them, by the index of `node_id`.
NO_NODE = "coalesce(node_id, 0) = 0"


class Clock(Base):
    """One row: how far the ledger's clock is ahead of the database's (tests only)."""

    __tablename__ = "clock"

    id: Mapped[int] = mapped_column(primary_key=True)
    seconds: Mapped[float] = mapped_column(default=0.0)


class Event(Base):
    """What happened. Events with `notify` are the outbox."""

    __tablename__ = "events"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    workflow_id: Mapped[int] = mapped_column(ForeignKey("workflows.id"))
    node_id: Mapped[int | None] = mapped_column(ForeignKey("nodes.id"))
    inquiry_id: Mapped[int | None] = mapped_column(ForeignKey("inquiries.id"))
    attempt: Mapped[int] = mapped_column(default=0)
    name: Mapped[str]
    data: Mapped[dict[str, Any]] = mapped_column(default=dict)
    at: Mapped[datetime] = mapped_column(default=now())
    notify: Mapped[bool] = mapped_column(default=False)
    tries: Mapped[int] = mapped_column(default=0)
    sending_at: Mapped[datetime | None]
    delivered_at: Mapped[datetime | None]
    receipt: Mapped[dict[str, Any] | None]

    __table_args__ = (
        partial("ix_events_due", "workflow_id", "id", where=UNDELIVERED),
        Index("ix_events_node_id", "node_id", "id"),
        partial("ix_events_no_node", "workflow_id", "id", where=NO_NODE),
        partial("ix_events_inquiry", "inquiry_id", where="inquiry_id IS NOT NULL"),
    )


class Hearing(Base):
    """One row: until when what people say came in, and what was missed of it."""

    __tablename__ = "hearing"

    id: Mapped[int] = mapped_column(primary_key=True)
    heard_at: Mapped[datetime | None]
    missed_since: Mapped[datetime | None]  # null: nothing that is not looked up
    catching_until: Mapped[datetime | None]  # the lease of whoever looks it up


class Brake(Base):
    """One row while claiming is paused."""

    __tablename__ = "brake"

    id: Mapped[int] = mapped_column(primary_key=True)
    by: Mapped[str]
    at: Mapped[datetime] = mapped_column(default=now())
    ends_runs: Mapped[bool] = mapped_column(default=False)  # running agents are handed back, too


class Worker(Base):
    """A process with slots."""

    __tablename__ = "workers"

    id: Mapped[str] = mapped_column(primary_key=True)
    host: Mapped[str]
    pid: Mapped[int]
    pid_started: Mapped[float]
    started_at: Mapped[datetime] = mapped_column(default=now())
    seen_at: Mapped[datetime] = mapped_column(default=now())
    slots: Mapped[int]
    repos: Mapped[list[str]]
    version: Mapped[str]


class Purse(Base):
    """What people have done to a budget: the agent's, the workflow's or the person's."""

    __tablename__ = "purses"

    key: Mapped[str] = mapped_column(primary_key=True)
    raised: Mapped[Decimal] = mapped_column(default=Decimal(0))  # US dollars, beyond the settings
    raised_at: Mapped[datetime | None]
    noted: Mapped[Decimal] = mapped_column(default=Decimal(0))  # the budget that a note was about
    noted_at: Mapped[datetime | None]


class SessionEntry(Base):
    """One line of the transcript of an agent's session."""

    __tablename__ = "session_entries"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    project_key: Mapped[str]
    session_id: Mapped[str]
    subpath: Mapped[str] = mapped_column(default="")
    uuid: Mapped[str | None]
    entry: Mapped[dict[str, Any]] = mapped_column(JSON)  # JSONB would refuse some characters
    at: Mapped[datetime] = mapped_column(default=now())

    __table_args__ = (
        Index("ix_session_entries_session", "project_key", "session_id", "subpath", "id"),
        partial(
            "uq_session_entries_uuid", "project_key", "session_id", "subpath", "uuid",
            where="uuid IS NOT NULL", unique=True,
        ),
    )  # fmt: skip


class Audit(Base):
    """Who asked and who decided what; the database itself refuses to change or to delete a row."""

    __tablename__ = "audit"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    at: Mapped[datetime] = mapped_column(default=now())
    who: Mapped[str]
    did: Mapped[str]
    detail: Mapped[str] = mapped_column(default="")
    workflow_id: Mapped[int | None] = mapped_column(BigInteger)
    node_id: Mapped[int | None] = mapped_column(BigInteger)
    inquiry_id: Mapped[int | None] = mapped_column(BigInteger)
    revision: Mapped[int] = mapped_column(default=0)  # of the inquiry
    digest: Mapped[str] = mapped_column(default="")  # of what was shown
    command_key: Mapped[str] = mapped_column(default="")  # the message or click

    __table_args__ = (Index("ix_audit_workflow_id", "workflow_id", "id"),)
