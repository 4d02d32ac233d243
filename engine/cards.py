"""The card of a workflow, read from the ledger."""

from dataclasses import replace

from sqlalchemy import case, func, literal, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from engine import inquiries, reading
from engine import models as m
from engine.clock import UtcDateTime, now
from engine.notices import Card
from engine.spec import Origin, Person
from engine.states import TERMINAL, InquiryStatus, Status
from engine.views import NodeView

LIVE_WORKER_SECONDS = 120  # a worker that was not seen for so long offers no slots
LISTED = 50  # nodes


async def card(session: AsyncSession, workflow: m.Workflow) -> Card:
    """What the card of a workflow shows now."""
    mine = m.Node.workflow_id == workflow.id
    counted = select(m.Node.status, func.count()).where(mine).group_by(m.Node.status)
    counts = {row[0]: row[1] for row in await session.execute(counted)}
    shown = Card(
        workflow_id=workflow.id,
        version=workflow.version,
        nodes=tuple(await _listed(session, workflow.id)),
        title=workflow.title,
        origin=Origin(workflow.place, workflow.thread),
        requester=await _requester(session, workflow.id),
        counts=counts,
        inquiries=tuple(
            await inquiries.listed(
                session,
                m.Inquiry.workflow_id == workflow.id,
                m.Inquiry.status == InquiryStatus.OPEN,
            )
        ),
        usage=await reading.used(session, mine),
    )
    return await _in_line(session, shown) if counts.get(Status.PENDING) else shown


async def _requester(session: AsyncSession, workflow_id: int) -> Person | None:
    """Who asked for the first thing in a workflow."""
    first = (
        select(m.Person)
        .join(m.Request, m.Request.by == m.Person.id)
        .where(m.Request.workflow_id == workflow_id)
        .order_by(m.Request.id)
        .limit(1)
    )
    found = (await session.scalars(first)).one_or_none()
    return Person(found.id, found.name) if found else None


async def _listed(session: AsyncSession, workflow_id: int) -> list[NodeView]:
    """The nodes that are listed: those that have not ended before those that have."""
    ended = case((m.Node.status.in_(TERMINAL), 1), else_=0)
    first = select(m.Node.id).where(m.Node.workflow_id == workflow_id).order_by(ended, m.Node.id)
    ids = list(await session.scalars(first.limit(LISTED)))
    return await reading.agents(session, m.Node.id.in_(ids))


async def _in_line(session: AsyncSession, shown: Card) -> Card:
    """A card on which somebody waits for a slot says how long the line is."""
    nodes = tuple([await _with_place_in_line(session, view) for view in shown.nodes])
    busy = await session.scalar(
        select(func.count()).select_from(m.Run).where(m.Run.ended_at.is_(None))
    )
    paused = await session.scalar(select(m.Brake.by))
    slots = await _slots(session)
    return replace(shown, nodes=nodes, slots_busy=busy or 0, slots=slots, paused_by=paused or "")


async def _with_place_in_line(session: AsyncSession, view: NodeView) -> NodeView:
    if view.status is not Status.PENDING:
        return view
    mine = tuple_(literal(view.available_at, UtcDateTime()), literal(view.id))
    ahead = select(func.count()).where(
        m.Node.status == Status.PENDING, tuple_(m.Node.available_at, m.Node.id) < mine
    )
    return replace(view, ahead=await session.scalar(ahead) or 0)


async def _slots(session: AsyncSession) -> int:
    alive = m.Worker.seen_at > now(-LIVE_WORKER_SECONDS)
    return await session.scalar(select(func.sum(m.Worker.slots)).where(alive)) or 0
