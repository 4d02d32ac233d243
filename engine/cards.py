"""The card of a workflow, read from the ledger."""

from dataclasses import replace

from sqlalchemy import case, func, literal, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from engine import inquiries, reading
from engine import models as m
from engine.clock import UtcDateTime, now
from engine.notices import Card
from engine.spec import Origin
from engine.states import TERMINAL, InquiryStatus, Status
from engine.views import NodeView

LIVE_WORKER_SECONDS = 120  # a worker that was not seen for so long offers no slots


async def card(session: AsyncSession, workflow: m.Workflow) -> Card:
    """What the card of a workflow shows now."""
    not_ended_first = case((m.Node.status.in_(TERMINAL), 1), else_=0)
    listed = await reading.listing(session, m.Node.workflow_id == workflow.id, not_ended_first)
    shown = Card(
        workflow_id=workflow.id,
        version=workflow.version,
        nodes=listed.nodes,
        title=workflow.title,
        origin=Origin(workflow.place, workflow.thread),
        counts=listed.counts,
        inquiries=tuple(
            await inquiries.listed(
                session,
                m.Inquiry.workflow_id == workflow.id,
                m.Inquiry.status == InquiryStatus.OPEN,
            )
        ),
        usage=listed.usage,
    )
    return await _in_line(session, shown) if shown.counts.get(Status.PENDING) else shown


async def _in_line(session: AsyncSession, shown: Card) -> Card:
    """A card on which somebody waits for a slot says how long the line is."""
    nodes = tuple([await _with_place_in_line(session, view) for view in shown.nodes])
    busy = await session.scalar(
        select(func.count()).select_from(m.Run).where(m.Run.ended_at.is_(None))
    )
    paused = await session.scalar(select(m.Brake.by))
    slots, workers = await _slots(session)
    line = replace(shown, slots_busy=busy or 0, slots=slots, workers=workers)
    return replace(line, nodes=nodes, paused_by=paused or "")


async def _with_place_in_line(session: AsyncSession, view: NodeView) -> NodeView:
    if view.status is not Status.PENDING:
        return view
    mine = tuple_(literal(view.available_at, UtcDateTime()), literal(view.id))
    ahead = select(func.count()).where(
        m.Node.status == Status.PENDING, tuple_(m.Node.available_at, m.Node.id) < mine
    )
    return replace(view, ahead=await session.scalar(ahead) or 0)


async def _slots(session: AsyncSession) -> tuple[int, int]:
    """The slots of all workers that are alive, and how many workers these are."""
    alive = m.Worker.seen_at > now(-LIVE_WORKER_SECONDS)
    asked = select(func.coalesce(func.sum(m.Worker.slots), 0), func.count()).where(alive)
    slots, workers = (await session.execute(asked)).one()
    return slots, workers
