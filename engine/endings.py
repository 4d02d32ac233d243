"""The end of requests: each in exactly one terminal notice."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from socket import gethostname

from sqlalchemy import ColumnElement, Text, cast, or_, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession

from engine import accounts, files, reading
from engine import models as m
from engine.clock import now
from engine.events import tell
from engine.models.graph import UNFINISHED
from engine.models.talk import OPEN
from engine.notices import Ended, Fact, Failed, Rescued, Summary, SummedUp
from engine.spec import Person
from engine.states import Kind, Status
from engine.store import lock
from engine.views import NodeView, Work

SHOWN = 1_500  # characters of a node's result in it


async def end_requests(session: AsyncSession, workflow_id: int) -> None:
    """End each open request whose nodes have all ended and that asks people nothing."""
    # The first of them by an index; an EXISTS may become a look at all nodes there are.
    unfinished = select(m.Node.id).where(m.Node.request_id == m.Request.id, text(UNFINISHED))
    asking = select(m.Inquiry.id).where(m.Inquiry.request_id == m.Request.id, text(OPEN))
    ending = (
        update(m.Request)
        .where(
            m.Request.workflow_id == workflow_id,
            m.Request.ended_at.is_(None),
            unfinished.order_by(m.Node.id).limit(1).scalar_subquery().is_(None),
            asking.order_by(m.Inquiry.id).limit(1).scalar_subquery().is_(None),
        )
        .values(ended_at=now())
        .returning(m.Request)
        .execution_options(populate_existing=True)
    )
    for request in sorted(await session.scalars(ending), key=lambda each: each.id):
        await _end(session, request)
    await session.flush()


async def _end(session: AsyncSession, request: m.Request) -> None:
    await files.deal(session, request.id, ())  # of a plan that was never started
    nodes = (
        select(m.Node)
        .where(m.Node.request_id == request.id)
        .order_by(m.Node.id.desc())
        .limit(2)
        .execution_options(populate_existing=True)
    )
    owned = list(await session.scalars(nodes))
    lone = len(owned) == 1 and owned[0].kind is Kind.AGENT
    lone = lone and (not owned[0].key or request.kind == "growth")
    lone = lone and not request.reason  # which tells of a plan
    fact: Fact = (
        Ended(await _accounted(session, owned[0]))
        if lone
        else SummedUp(await _summary(session, request))
    )
    tell(session, request.workflow_id, fact, owned[0] if owned else None)


async def tell_failure(session: AsyncSession, node: m.Node) -> None:
    """A node failed: people are told at once when its request goes on without it."""
    if node.status is not Status.FAILED:
        return
    others = select(m.Node.id).where(m.Node.request_id == node.request_id, text(UNFINISHED))
    asked = select(m.Inquiry.id).where(m.Inquiry.request_id == node.request_id, text(OPEN))
    if await session.scalar(select(or_(others.exists(), asked.exists()))):
        tell(session, node.workflow_id, Failed(await _accounted(session, node)), node)


async def tell_rescue(session: AsyncSession, agent_id: int, place: str) -> None:
    """Have people told of work that is kept at `place` of this host, unless they know already."""
    said = select(m.Event.id).where(
        m.Event.node_id == agent_id,
        m.Event.notify,
        cast(m.Event.data, Text).contains(f'"{place}"', autoescape=True),
    )
    of = select(m.Node.workflow_id).where(m.Node.id == agent_id)
    workflow = await lock(session, await session.scalar(of) or 0)
    if workflow is None or await session.scalar(said.limit(1)) is not None:
        return
    view, node = await reading.agent(session, agent_id), await session.get(m.Node, agent_id)
    tell(session, workflow.id, Rescued(view, place, gethostname()), node)
    workflow.kept_since = now()  # what is told is history, to be forgotten in its time


async def _accounted(session: AsyncSession, node: m.Node) -> NodeView:
    """An agent, with how far it came when it did not end well."""
    [view] = await accounts.added(session, [await reading.agent(session, node.id)])
    return view


async def _told_of(session: AsyncSession, request: m.Request) -> ColumnElement[bool]:
    """The nodes that the end of a request tells of: its own, and the rest of their graphs."""
    graph = select(m.Node.graph_id).where(
        m.Node.request_id == request.id, m.Node.graph_id.is_not(None)
    )
    graphs = list(await session.scalars(graph.distinct()))
    return (m.Node.workflow_id == request.workflow_id) & or_(
        m.Node.request_id == request.id, m.Node.graph_id.in_(graphs)
    )


async def _summary(session: AsyncSession, request: m.Request) -> Summary:
    """What became of a request; one that mends a graph tells of the whole graph."""
    mine = await _told_of(session, request)
    listed = await reading.listing(session, mine)
    nodes = await accounts.added(session, listed.nodes)
    who = await session.get_one(m.Person, request.by)
    return Summary(
        workflow_id=request.workflow_id,
        title=request.title,
        requester=Person(who.id, who.name),
        status=_status(listed.counts, request.reason),
        began_at=request.at,
        nodes=tuple(replace(node, result=node.result[:SHOWN]) for node in nodes),
        counts=listed.counts,
        usage=listed.usage,
        duration_ms=await _lasted(session, request),
        work=_whole(listed.nodes) if len(listed.nodes) == sum(listed.counts.values()) else Work(),
        reason=request.reason,
    )


def _status(counts: Mapping[Status, int], reason: str) -> Status:
    """The verdict on a graph: one failure fails it, else one stop stops it."""
    if counts.get(Status.FAILED):
        return Status.FAILED
    if counts.get(Status.CANCELLED) or reason or not counts.get(Status.COMPLETED):
        return Status.CANCELLED
    return Status.COMPLETED


def _whole(nodes: Sequence[NodeView]) -> Work:
    """The work that holds everything: of the one agent whose work no other builds upon."""
    did = {node.id: node for node in nodes if _has_done(node)}
    covered: set[int] = set()
    needs = {node.id: node.needs for node in nodes}
    for each in did:
        covered |= _above(each, needs)
    last = [did[each].work for each in did if each not in covered]
    held = last if len(last) == 1 else [work for work in last if work.changed]
    return held[0] if len(held) == 1 else Work()


def _has_done(node: NodeView) -> bool:
    return node.kind is Kind.AGENT and node.status is Status.COMPLETED and bool(node.work.branch)


def _above(node_id: int, needs: Mapping[int, Sequence[int]]) -> set[int]:
    """All that a node builds upon."""
    found: set[int] = set()
    ahead = list(needs[node_id])
    while ahead:
        each = ahead.pop()
        if each not in found:
            found.add(each)
            ahead.extend(needs.get(each, ()))
    return found


async def _lasted(session: AsyncSession, request: m.Request) -> int:
    ended = await session.scalar(select(m.Request.ended_at).where(m.Request.id == request.id))
    return int((ended - request.at).total_seconds() * 1000) if ended else 0
