"""What people and agents say to each other: the inbox, inquiries, votes, messages."""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from engine.clock import now
from engine.columns import Base, BigId, partial
from engine.states import (
    Decision,
    InquiryKind,
    InquiryStatus,
)

OPEN = "status = 'open'"


class Person(Base):
    """Somebody who asks; the row is locked while one of their agents is admitted."""

    __tablename__ = "people"

    id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]


class Command(Base):
    """The inbox: what came in, recorded before it was acknowledged."""

    __tablename__ = "commands"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    key: Mapped[str] = mapped_column(unique=True)
    kind: Mapped[str]
    payload: Mapped[dict[str, Any]]
    author: Mapped[str]
    at: Mapped[datetime] = mapped_column(default=now())
    tries: Mapped[int] = mapped_column(default=0)
    done_at: Mapped[datetime | None]
    outcome: Mapped[str] = mapped_column(default="")
    reply: Mapped[dict[str, Any] | None]  # what to tell the author alone
    reply_at: Mapped[datetime | None]  # when to try next; null = nothing to tell
    reply_tries: Mapped[int] = mapped_column(default=0)

    __table_args__ = (
        partial("ix_commands_open", "id", where="done_at IS NULL"),
        partial("ix_commands_reply", "reply_at", where="reply_at IS NOT NULL"),
    )


class Inquiry(Base):
    """A question put to people; it holds nothing while it waits."""

    __tablename__ = "inquiries"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    workflow_id: Mapped[int] = mapped_column(ForeignKey("workflows.id"))
    request_id: Mapped[int] = mapped_column(ForeignKey("requests.id"))
    node_id: Mapped[int | None] = mapped_column(ForeignKey("nodes.id"))
    kind: Mapped[InquiryKind]
    revision: Mapped[int] = mapped_column(default=1)
    digest: Mapped[str]
    content: Mapped[dict[str, Any]]
    status: Mapped[InquiryStatus] = mapped_column(default=InquiryStatus.OPEN)
    decision: Mapped[Decision | None]
    quorum: Mapped[int] = mapped_column(default=1)
    approvers: Mapped[list[str]]
    opened_at: Mapped[datetime] = mapped_column(default=now())
    remind_at: Mapped[datetime | None]  # null: reminded, or nobody is to be
    expires_at: Mapped[datetime]
    closed_at: Mapped[datetime | None]

    __table_args__ = (
        partial("ix_inquiries_open", "workflow_id", "id", where="status = 'open'"),
        partial("ix_inquiries_expiring", "expires_at", where="status = 'open'"),
        partial(
            "ix_inquiries_reminding", "remind_at",
            where="status = 'open' AND remind_at IS NOT NULL",
        ),
        Index("ix_inquiries_node_id", "node_id", "id"),
        partial("ix_inquiries_request_id", "request_id", "id", where=OPEN),
    )  # fmt: skip


class Vote(Base):
    """What one person said to one revision of an inquiry."""

    __tablename__ = "votes"

    inquiry_id: Mapped[int] = mapped_column(ForeignKey("inquiries.id"), primary_key=True)
    revision: Mapped[int] = mapped_column(primary_key=True)
    by: Mapped[str] = mapped_column(ForeignKey("people.id"), primary_key=True)
    # gate: the node that it is sent back to; tool, question: which one was decided
    target: Mapped[str] = mapped_column(primary_key=True, default="")
    decision: Mapped[Decision]
    comment: Mapped[str] = mapped_column(default="")
    at: Mapped[datetime] = mapped_column(default=now())
    command_key: Mapped[str | None]  # the message or click that carried it


class Message(Base):
    """What people said to an agent."""

    __tablename__ = "messages"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    node_id: Mapped[int] = mapped_column(ForeignKey("nodes.id"))
    author: Mapped[str] = mapped_column(ForeignKey("people.id"))
    text: Mapped[str]
    key: Mapped[str | None] = mapped_column(unique=True)  # of the command that brought it
    at: Mapped[datetime] = mapped_column(default=now())
    taken_by: Mapped[int | None]  # the attempt that it was given to

    __table_args__ = (
        Index("ix_messages_node_id", "node_id", "id"),
        partial("ix_messages_untaken", "node_id", where="taken_by IS NULL"),
    )
