"""The audit: who asked and who decided what, when, and by which message. It only grows."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from engine import models as m
from engine.spec import Person

MOST = 1_000  # entries that are shown of one workflow
DETAIL = 2_000  # characters


class Did(StrEnum):
    """What somebody did."""

    ASKED = "asked"
    DECIDED = "decided"
    CHANGED_PLAN = "changed_plan"
    STOPPED = "stopped"
    RETRIED = "retried"
    SKIPPED = "skipped"
    SAID = "said"
    RESTORED = "restored"


@dataclass(frozen=True)
class Entry:
    """One line of the audit."""

    at: datetime
    who: Person
    did: str
    detail: str
    node_id: int | None
    inquiry_id: int | None
    revision: int
    digest: str
    command: str  # key of the message or click


@dataclass(frozen=True)
class Act:
    """What somebody did, by which command."""

    did: Did
    by: str  # id of the person
    key: str = ""  # of the command
    detail: str = ""


def note(session: AsyncSession, act: Act, about: m.Node | m.Request | m.Inquiry) -> None:
    """Write down what somebody did, in the transaction in which it takes effect."""
    asked = about if isinstance(about, m.Inquiry) else None
    node = about.id if isinstance(about, m.Node) else asked.node_id if asked else None
    session.add(
        m.Audit(
            who=act.by,
            did=act.did,
            detail=act.detail[:DETAIL],
            workflow_id=about.workflow_id,
            node_id=node,
            inquiry_id=asked.id if asked else None,
            revision=asked.revision if asked else 0,
            digest=asked.digest if asked else "",
            command_key=act.key,
        )
    )


async def entries(session: AsyncSession, workflow_id: int) -> Sequence[Entry]:
    """What people did about a workflow, first to last; at most the last 1,000 entries."""
    query = (
        select(m.Audit, m.Person.name)
        .outerjoin(m.Person, m.Person.id == m.Audit.who)
        .where(m.Audit.workflow_id == workflow_id)
        .order_by(m.Audit.id.desc())
        .limit(MOST)
    )
    found = (await session.execute(query)).all()
    return [
        Entry(
            row.at,
            Person(row.who, name or row.who),
            row.did,
            row.detail,
            row.node_id,
            row.inquiry_id,
            row.revision,
            row.digest,
            row.command_key,
        )
        for row, name in reversed(found)
    ]
