"""Inquiries in the ledger: opened, shown, closed. What a decision does is said in `decisions`."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from sqlalchemy import ColumnElement, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession

from engine import models as m
from engine import reading
from engine.clock import now
from engine.errors import NotFound
from engine.events import tell
from engine.matters import KINDS, Matter, digest, packed, unpacked
from engine.models.talk import OPEN
from engine.notices import NAMES, Closed, Opened
from engine.spec import Origin, Person
from engine.states import Decision, InquiryStatus
from engine.votes import Inquiry, Vote

EXPIRES = timedelta(days=7)
REMINDS = timedelta(hours=4)


@dataclass(frozen=True)
class Asking:
    """A question that is about to be put to people."""

    matter: Matter
    workflow_id: int
    request_id: int
    node: m.Node | None = None
    approvers: Sequence[str] = ()
    quorum: int = 1


async def ask(session: AsyncSession, asking: Asking) -> Inquiry:
    """Put a question to people: exactly one opening notice."""
    content = packed(asking.matter)
    row = m.Inquiry(
        workflow_id=asking.workflow_id,
        request_id=asking.request_id,
        node_id=asking.node.id if asking.node else None,
        kind=KINDS[type(asking.matter)],
        content=content,
        digest=digest(content),
        approvers=list(asking.approvers),
        quorum=asking.quorum,
        remind_at=now(REMINDS.total_seconds()),
        expires_at=now(EXPIRES.total_seconds()),
    )
    session.add(row)
    await session.flush()
    opened = await inquiry(session, row.id)
    tell(session, row.workflow_id, Opened(opened), asking.node)
    return opened


async def locked(session: AsyncSession, inquiry_id: int) -> tuple[m.Inquiry, bool]:
    """An inquiry, and whether its time is not over."""
    asked = select(m.Inquiry, m.Inquiry.expires_at > now()).where(m.Inquiry.id == inquiry_id)
    fresh = asked.with_for_update().execution_options(populate_existing=True)
    row, in_time = (await session.execute(fresh)).one()
    return row, bool(in_time)


async def change(session: AsyncSession, row: m.Inquiry, matter: Matter) -> Inquiry:
    """Ask something else in its place: votes on the old revision are void."""
    await told_closed(session, row.id)
    content = packed(matter)
    values = {
        "content": content,
        "digest": digest(content),
        "revision": row.revision + 1,
        "remind_at": now(REMINDS.total_seconds()),
        "expires_at": now(EXPIRES.total_seconds()),
    }
    await session.execute(update(m.Inquiry).where(m.Inquiry.id == row.id).values(**values))
    changed = await inquiry(session, row.id)
    tell(session, row.workflow_id, Opened(changed, again=True))
    return changed


async def ask_again(session: AsyncSession, row: m.Inquiry) -> None:
    """Have an open question posted once more."""
    tell(session, row.workflow_id, Opened(await inquiry(session, row.id), again=True))


async def close(
    session: AsyncSession,
    inquiry_id: int,
    status: InquiryStatus,
    decision: Decision | None = None,
) -> None:
    """Nobody is asked any more; what was posted of it loses its buttons."""
    values = {"status": status, "decision": decision, "closed_at": now(), "remind_at": None}
    await session.execute(update(m.Inquiry).where(m.Inquiry.id == inquiry_id).values(**values))
    await told_closed(session, inquiry_id)


async def told_closed(session: AsyncSession, inquiry_id: int) -> None:
    """Have the messages that ask show how the inquiry stands now."""
    await session.flush()
    view = await inquiry(session, inquiry_id)
    tell(session, view.workflow_id, Closed(view))


async def withdraw(session: AsyncSession, nodes: Collection[int]) -> None:
    """What these nodes asked people is asked no more."""
    if not nodes:
        return
    asked = select(m.Inquiry.id).where(
        m.Inquiry.node_id.in_(nodes), m.Inquiry.status == InquiryStatus.OPEN
    )
    for inquiry_id in list(await session.scalars(asked.order_by(m.Inquiry.id))):
        await close(session, inquiry_id, InquiryStatus.WITHDRAWN)


async def withdraw_plans(session: AsyncSession, workflow_id: int, by: str) -> int:
    """Plans that wait in a workflow are discarded; gives how many there were."""
    waiting = select(m.Inquiry).where(
        m.Inquiry.workflow_id == workflow_id,
        m.Inquiry.status == InquiryStatus.OPEN,
        m.Inquiry.node_id.is_(None),
    )
    found = list(await session.scalars(waiting))
    for row in found:
        await close(session, row.id, InquiryStatus.WITHDRAWN)
        await give_reason(session, row.request_id, f"stopped by {by}")
    return len(found)


async def give_reason(session: AsyncSession, request_id: int, reason: str) -> None:
    """Say why a request ends without having done anything."""
    ended = update(m.Request).where(m.Request.id == request_id)
    await session.execute(ended.values(reason=reason))


async def inquiry(session: AsyncSession, inquiry_id: int) -> Inquiry:
    """One inquiry as people are shown it; raises NotFound."""
    for found in await listed(session, m.Inquiry.id == inquiry_id):
        return found
    raise NotFound(f"there is no question {inquiry_id}")


async def posted(session: AsyncSession, shown: Inquiry) -> Mapping[str, Any]:
    """Where its present revision was first put to people, in the front end's words; {} before."""
    opening = (
        select(m.Event)
        .where(m.Event.inquiry_id == shown.id, m.Event.name == NAMES[Opened])
        .order_by(m.Event.id)
    )
    for event in await session.scalars(opening):
        if event.data["inquiry"]["revision"] == shown.revision:
            return event.receipt or {}
    return {}


async def asked_by(
    session: AsyncSession, place: str, receipt: Mapping[str, Any]
) -> m.Inquiry | None:
    """The open question of a place that was last put to people by the message of a receipt."""
    asked = await _asked(session, m.Workflow.place == place)
    return next((row for row, _, posted in asked if posted == receipt), None)


async def standing(session: AsyncSession, limit: int) -> Sequence[tuple[Origin, Mapping[str, Any]]]:
    """Where open questions are said to stand, the oldest of them: thread and receipt of each."""
    asked = await _asked(session)
    found = [(Origin(flow.place, flow.thread), posted) for _, flow, posted in asked if posted]
    return [(thread, posted) for thread, posted in found if thread.thread][:limit]


async def _asked(
    session: AsyncSession, *conditions: ColumnElement[bool]
) -> list[tuple[m.Inquiry, m.Workflow, dict[str, Any] | None]]:
    """Open questions, oldest first, and the receipt of when each was last put to people."""
    # Not ordered by the database: SQLite would then read all events instead of these.
    opening = (
        select(m.Event.id, m.Inquiry, m.Workflow, m.Event.receipt)
        .join(m.Workflow, m.Workflow.id == m.Inquiry.workflow_id)
        .join(m.Event, m.Event.inquiry_id == m.Inquiry.id)
        .where(text(OPEN), m.Event.name == NAMES[Opened], *conditions)
    )
    rows = sorted((await session.execute(opening)).all(), key=lambda row: row[0])
    last = {row.id: (row, flow, posted) for _, row, flow, posted in rows}
    return [last[number] for number in sorted(last)]


async def listed(session: AsyncSession, *conditions: ColumnElement[bool]) -> list[Inquiry]:
    """The inquiries that meet all conditions, first to last."""
    query = (
        select(m.Inquiry, m.Workflow, m.Person)
        .join(m.Workflow, m.Workflow.id == m.Inquiry.workflow_id)
        .join(m.Request, m.Request.id == m.Inquiry.request_id)
        .join(m.Person, m.Person.id == m.Request.by)
        .where(*conditions)
        .order_by(m.Inquiry.id)
        .execution_options(populate_existing=True)
    )
    found = (await session.execute(query)).all()
    return [await _view(session, row, flow, who) for row, flow, who in found]


async def _view(session: AsyncSession, row: m.Inquiry, flow: m.Workflow, who: m.Person) -> Inquiry:
    shown = Inquiry(
        id=row.id,
        kind=row.kind,
        revision=row.revision,
        workflow_id=row.workflow_id,
        origin=Origin(flow.place, flow.thread),
        requester=Person(who.id, who.name),
        matter=unpacked(row.kind, row.content),
        approvers=tuple(row.approvers),
        quorum=row.quorum,
        status=row.status,
        decision=row.decision,
        votes=await _votes(session, row),
        opened_at=row.opened_at,
        expires_at=row.expires_at,
    )
    if row.node_id is None:
        return shown
    return replace(shown, node=await reading.agent(session, row.node_id))


async def _votes(session: AsyncSession, row: m.Inquiry) -> tuple[Vote, ...]:
    query = (
        select(m.Vote, m.Person)
        .join(m.Person, m.Person.id == m.Vote.by)
        .where(m.Vote.inquiry_id == row.id, m.Vote.revision == row.revision)
        .order_by(m.Vote.at)
    )
    return tuple(
        Vote(Person(who.id, who.name), vote.decision, vote.comment, vote.at, vote.target)
        for vote, who in await session.execute(query)
    )
