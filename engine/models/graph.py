"""What people asked for, as a graph: threads, requests, nodes, and what goes with these."""

from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import BigInteger, ForeignKey, Index, UniqueConstraint, false, text
from sqlalchemy.orm import Mapped, mapped_column

from engine.clock import now
from engine.columns import Base, BigId, partial
from engine.states import (
    Cause,
    Direction,
    Kind,
    OnFailure,
    Status,
)

EMPTY = text("''")
# As text, since an index of some rows is used only where its condition is seen to hold.
UNFINISHED = "status NOT IN ('completed', 'failed', 'cancelled', 'skipped')"
PARKED = "parked <> ''"
ADMITTED = "status IN ('pending', 'active')"


class Workflow(Base):
    """A graph of nodes that belongs to one thread."""

    __tablename__ = "workflows"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    place: Mapped[str]
    thread: Mapped[str | None]
    title: Mapped[str] = mapped_column(default="", server_default=EMPTY)
    created_at: Mapped[datetime] = mapped_column(default=now())
    version: Mapped[int] = mapped_column(default=0)  # of what the card shows
    shown: Mapped[int] = mapped_column(default=0)  # the version that the posted card shows
    card: Mapped[dict[str, Any] | None]  # where the card was posted
    tries: Mapped[int] = mapped_column(default=0)
    retry_at: Mapped[datetime] = mapped_column(default=now())
    card_at: Mapped[datetime] = mapped_column(default=now())  # the card is not edited before
    parked: Mapped[str] = mapped_column(default="")  # why nothing can be delivered here any more
    deliverer: Mapped[str | None]
    deliver_until: Mapped[datetime | None]
    delivery_no: Mapped[int] = mapped_column(default=0)
    kept_since: Mapped[datetime | None] = mapped_column(default=now())  # null: see retention

    __table_args__ = (
        UniqueConstraint("place", "thread"),
        partial("ix_workflows_parked", "id", where=PARKED),
        partial("ix_workflows_kept_since", "kept_since", where="kept_since IS NOT NULL"),
        partial("ix_workflows_card_due", "card_at", "id", where="version <> shown AND parked = ''"),
    )


class Request(Base):
    """What a person asked for; it ends in exactly one terminal notice."""

    __tablename__ = "requests"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    workflow_id: Mapped[int] = mapped_column(ForeignKey("workflows.id"))
    command_key: Mapped[str | None] = mapped_column(unique=True)
    kind: Mapped[str]
    by: Mapped[str] = mapped_column(ForeignKey("people.id"))
    at: Mapped[datetime] = mapped_column(default=now())
    ended_at: Mapped[datetime | None]
    title: Mapped[str] = mapped_column(default="", server_default=EMPTY)
    on_failure: Mapped[OnFailure] = mapped_column(
        default=OnFailure.CONTINUE, server_default=OnFailure.CONTINUE
    )
    reason: Mapped[str] = mapped_column(default="", server_default=EMPTY)  # why nothing was done
    budget: Mapped[Decimal | None]  # of the graph that it begins; null: the configured one

    __table_args__ = (
        partial("ix_requests_open", "workflow_id", where="ended_at IS NULL"),
        Index("ix_requests_workflow_id", "workflow_id", "id"),
    )


class Node(Base):
    """A vertex of a workflow."""

    __tablename__ = "nodes"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    workflow_id: Mapped[int] = mapped_column(ForeignKey("workflows.id"), index=True)
    request_id: Mapped[int] = mapped_column(ForeignKey("requests.id"), index=True)
    graph_id: Mapped[int | None] = mapped_column(
        ForeignKey("requests.id")
    )  # what began the graph that it is part of; null: it stands alone
    kind: Mapped[Kind] = mapped_column(default=Kind.AGENT)
    key: Mapped[str] = mapped_column(default="", server_default=EMPTY)
    parent_id: Mapped[int | None] = mapped_column(ForeignKey("nodes.id"))
    skipped_for: Mapped[int | None] = mapped_column(BigInteger)  # whose failure skipped it
    role: Mapped[str] = mapped_column(default="")
    task: Mapped[str]
    context: Mapped[str] = mapped_column(default="")  # what was said before
    quoted: Mapped[int] = mapped_column(default=0)  # messages in `context`
    attached: Mapped[int] = mapped_column(default=0)  # files that came with the task
    unmet: Mapped[int] = mapped_column(default=0)
    repo: Mapped[str]
    base: Mapped[str] = mapped_column(default="")
    status: Mapped[Status] = mapped_column(default=Status.BLOCKED)
    attempt: Mapped[int] = mapped_column(default=0)
    failures: Mapped[int] = mapped_column(default=0)
    max_failures: Mapped[int] = mapped_column(default=1)
    available_at: Mapped[datetime] = mapped_column(default=now())
    created_at: Mapped[datetime] = mapped_column(default=now())
    ended_at: Mapped[datetime | None]
    requested_by: Mapped[str] = mapped_column(ForeignKey("people.id"))
    policy: Mapped[dict[str, Any]]
    cancelled_by: Mapped[str | None]  # who asked a running agent to stop
    redo: Mapped[bool] = mapped_column(
        default=False, server_default=false()
    )  # it begins again when the run has stopped
    branch: Mapped[str] = mapped_column(default="")
    commit_sha: Mapped[str] = mapped_column(default="")
    work: Mapped[dict[str, Any] | None]  # views.Work of the last attempt
    result: Mapped[str] = mapped_column(default="")
    error: Mapped[str] = mapped_column(default="")
    cause: Mapped[Cause | None]
    data: Mapped[dict[str, Any] | None]  # structured output

    __table_args__ = (
        partial("ix_nodes_pending", "available_at", "id", where="status = 'pending'"),
        partial("ix_nodes_blocked", "requested_by", "id", where="status = 'blocked' AND unmet = 0"),
        partial("ix_nodes_admitted", "requested_by", "status", where=ADMITTED),
        partial(
            "ix_nodes_cancelling", "id", where="status = 'active' AND cancelled_by IS NOT NULL"
        ),
        Index("ix_nodes_requested_by", "requested_by", "id"),
        partial(
            "ix_nodes_ready",
            "workflow_id",
            "kind",
            "requested_by",
            "id",
            where="status = 'blocked' AND unmet = 0",
        ),
        partial("ix_nodes_unfinished", "request_id", "id", where=UNFINISHED),
        partial("ix_nodes_waiting", "workflow_id", where="status = 'waiting'"),
        partial("uq_nodes_key", "workflow_id", "key", where="key <> ''", unique=True),
        partial("ix_nodes_parent_id", "parent_id", where="parent_id IS NOT NULL"),
        partial("ix_nodes_skipped_for", "skipped_for", where="skipped_for IS NOT NULL"),
    )


class Need(Base):
    """An edge of a graph: `node_id` begins when `on_id` is finished."""

    __tablename__ = "needs"

    node_id: Mapped[int] = mapped_column(ForeignKey("nodes.id"), primary_key=True)
    on_id: Mapped[int] = mapped_column(ForeignKey("nodes.id"), primary_key=True, index=True)


class File(Base):
    """A file that people gave to an agent, or that an agent hands out."""

    __tablename__ = "files"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    node_id: Mapped[int | None] = mapped_column(ForeignKey("nodes.id"))
    request_id: Mapped[int | None] = mapped_column(ForeignKey("requests.id"))  # a plan waits
    attempt: Mapped[int] = mapped_column(default=0)  # that left it; 0 = it came with the task
    direction: Mapped[Direction]
    name: Mapped[str]
    mimetype: Mapped[str]
    content: Mapped[bytes]  # emptied once people have what was handed out
    told_at: Mapped[datetime | None]  # when it was handed out

    __table_args__ = (
        Index("ix_files_node_id", "node_id", "direction", "id"),
        partial("ix_files_request_id", "request_id", where="request_id IS NOT NULL"),
    )


class Run(Base):
    """One attempt of an agent."""

    __tablename__ = "runs"

    node_id: Mapped[int] = mapped_column(ForeignKey("nodes.id"), primary_key=True)
    attempt: Mapped[int] = mapped_column(primary_key=True)
    worker: Mapped[str]
    host: Mapped[str]
    pid: Mapped[int | None]
    pid_started: Mapped[float | None]
    marker: Mapped[str]
    workspace: Mapped[str] = mapped_column(default="")
    session_id: Mapped[str] = mapped_column(default="")
    lease_until: Mapped[datetime]
    started_at: Mapped[datetime] = mapped_column(default=now())
    ended_at: Mapped[datetime | None]
    outcome: Mapped[str] = mapped_column(default="")
    step: Mapped[dict[str, Any] | None]
    tokens_in: Mapped[int] = mapped_column(BigInteger, default=0)
    tokens_out: Mapped[int] = mapped_column(BigInteger, default=0)
    cost: Mapped[Decimal] = mapped_column(default=Decimal(0))
    reserved: Mapped[Decimal] = mapped_column(
        default=Decimal(0), server_default=text("0.00")
    )  # what it may cost, while it runs
    turns: Mapped[int] = mapped_column(default=0)
    duration_ms: Mapped[int] = mapped_column(BigInteger, default=0)
    pruned_at: Mapped[datetime | None]  # the workspace is gone

    __table_args__ = (
        partial("ix_runs_live", "lease_until", where="ended_at IS NULL"),
        Index("ix_runs_started_at", "started_at"),
        partial("ix_runs_kept", "ended_at", where="pruned_at IS NULL AND workspace <> ''"),
    )
