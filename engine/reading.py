"""Reading the ledger: rows become the front door's views."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from pydantic import TypeAdapter
from sqlalchemy import ColumnElement, func, select, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

from engine import models as m
from engine.errors import NotFound
from engine.executor import Step, Usage
from engine.models.graph import UNFINISHED
from engine.policy import Policy
from engine.spec import Origin, Person
from engine.states import InquiryKind, InquiryStatus, Status
from engine.views import Handed, LogEntry, NodeView, RunView, Work

LISTED = 50  # of the nodes of a workflow
BATCH = 500  # nodes of one question
AGENT = TypeAdapter(NodeView)
WORK = TypeAdapter(Work)
STEP = TypeAdapter(Step)


@dataclass(frozen=True)
class Listing:
    """Some of many nodes, in order of their ids, and what all of them come to."""

    nodes: tuple[NodeView, ...]
    counts: Mapping[Status, int]
    usage: Usage


def few(column: InstrumentedAttribute[int], condition: str) -> ColumnElement[bool]:
    """Those that an index of a few knows: asked for their order, SQLite would read all rows."""
    return column.in_(select(column).where(text(condition)).correlate(None))


async def agents(session: AsyncSession, *conditions: ColumnElement[bool]) -> list[NodeView]:
    """The agents that meet all conditions, in order of their ids."""
    query = (
        select(m.Node, m.Workflow, m.Person)
        .join(m.Workflow, m.Workflow.id == m.Node.workflow_id)
        .join(m.Person, m.Person.id == m.Node.requested_by)
        .where(*conditions)
        .order_by(m.Node.id)
    )
    found = (await session.execute(query.execution_options(populate_existing=True))).all()
    ids = [node.id for node, _, _ in found]
    attempts, needs, asked = (
        await _attempts(session, ids),
        await _needs(session, ids),
        await _asked(session, ids),
    )
    return [
        replace(
            _view(node, flow, who, attempts[node.id]),
            needs=tuple(needs[node.id]),
            asks=asked.get(node.id),
        )
        for node, flow, who in found
    ]


async def latest(
    session: AsyncSession, limit: int, *conditions: ColumnElement[bool]
) -> list[NodeView]:
    """The newest agents that meet all conditions, oldest of them first."""
    newest = select(m.Node.id).where(*conditions).order_by(m.Node.id.desc()).limit(limit)
    return await agents(session, m.Node.id.in_(list(await session.scalars(newest))))


async def unfinished(session: AsyncSession, *conditions: ColumnElement[bool]) -> list[NodeView]:
    """All agents that have not ended and meet the conditions, in order of their ids."""
    ids = sorted(await session.scalars(select(m.Node.id).where(text(UNFINISHED))))
    batches = [m.Node.id.in_(ids[first : first + BATCH]) for first in range(0, len(ids), BATCH)]
    return [each for batch in batches for each in await agents(session, batch, *conditions)]


async def agent(session: AsyncSession, agent_id: int) -> NodeView:
    """One agent; raises NotFound."""
    for view in await agents(session, m.Node.id == agent_id):
        return view
    raise NotFound(f"there is no agent {agent_id}")


async def runs(session: AsyncSession, agent_id: int) -> list[RunView]:
    """Every attempt of an agent, first to last."""
    return [
        RunView(
            r.attempt, r.worker, r.started_at, r.ended_at, r.outcome, _usage([r]), r.duration_ms
        )
        for r in (await _attempts(session, [agent_id]))[agent_id]
    ]


async def log(session: AsyncSession, agent_id: int, limit: int) -> list[LogEntry]:
    """The last `limit` events of an agent, oldest first."""
    query = select(m.Event).where(m.Event.node_id == agent_id).order_by(m.Event.id.desc())
    events = (await session.scalars(query.limit(limit))).all()
    return [
        LogEntry(
            e.at,
            e.name,
            e.attempt,
            STEP.validate_python(e.data) if e.name == "agent.step" else None,
            str(e.data.get("detail", "")),
        )
        for e in reversed(events)
    ]


async def handed(session: AsyncSession, node_id: int) -> list[Handed]:
    """What the needs of a node hand on to it, in the order of their ids."""
    before = select(m.Need.on_id).where(m.Need.node_id == node_id)
    query = select(m.Node).where(m.Node.id.in_(before)).order_by(m.Node.id)
    return [_handed(node) for node in await session.scalars(query)]


async def behind(session: AsyncSession, node_id: int) -> list[Handed]:
    """What a node begins from: its needs, those behind gates as well, or whom it continues."""
    found: dict[int, Handed] = {}
    ids = [node_id]
    while ids:
        step = [each for node in ids for each in await handed(session, node)]
        found |= {each.id: each for each in step}
        ids = [each.id for each in step if not each.work.commit]
    if not found:
        node = await session.get_one(m.Node, node_id)
        if node.parent_id is not None:
            found[node.parent_id] = _handed(await session.get_one(m.Node, node.parent_id))
    return [found[key] for key in sorted(found)]


def _handed(node: m.Node) -> Handed:
    work = WORK.validate_python(node.work) if node.work else Work(branch=node.branch)
    if node.status is Status.SKIPPED:
        work = Work()  # what it did before somebody went on without it stays on its branch
    return Handed(
        id=node.id,
        key=node.key,
        kind=node.kind,
        task=node.task,
        repo=node.repo,
        status=node.status,
        result=node.result,
        work=work,
        data=node.data,
    )


async def listing(
    session: AsyncSession, mine: ColumnElement[bool], *first: ColumnElement[int]
) -> Listing:
    """At most 50 nodes of many, `first` saying which, and what all of them come to."""
    ids = select(m.Node.id).where(mine).order_by(*first, m.Node.id).limit(LISTED + 1)
    found = list(await session.scalars(ids))
    nodes = tuple(await agents(session, m.Node.id.in_(found[:LISTED])))
    if len(found) > LISTED:
        return Listing(nodes, await _counted(session, mine), await _used(session, mine))
    counts = Counter(node.status for node in nodes)
    return Listing(nodes, counts, _usage([node.usage for node in nodes]))


async def _counted(session: AsyncSession, mine: ColumnElement[bool]) -> dict[Status, int]:
    """How many nodes are in which state."""
    counted = select(m.Node.status, func.count()).where(mine).group_by(m.Node.status)
    return {row[0]: row[1] for row in await session.execute(counted)}


async def _used(session: AsyncSession, mine: ColumnElement[bool]) -> Usage:
    """What the runs of some nodes have used together."""
    run = m.Run
    sums = select(
        func.sum(run.tokens_in), func.sum(run.tokens_out), func.sum(run.cost), func.sum(run.turns)
    )
    of = sums.select_from(run).join(m.Node, m.Node.id == run.node_id).where(mine)
    tokens_in, tokens_out, cost, turns = (await session.execute(of)).one()
    return Usage(int(tokens_in or 0), int(tokens_out or 0), Decimal(cost or 0), int(turns or 0))


async def _needs(session: AsyncSession, ids: Sequence[int]) -> dict[int, list[int]]:
    query = select(m.Need).where(m.Need.node_id.in_(ids)).order_by(m.Need.node_id, m.Need.on_id)
    found: dict[int, list[int]] = defaultdict(list)
    for need in await session.scalars(query):
        found[need.node_id].append(need.on_id)
    return found


async def _asked(session: AsyncSession, ids: Sequence[int]) -> dict[int, InquiryKind]:
    query = select(m.Inquiry.node_id, m.Inquiry.kind).where(
        m.Inquiry.node_id.in_(ids), m.Inquiry.status == InquiryStatus.OPEN
    )
    return {node: kind for node, kind in await session.execute(query) if node is not None}


async def _attempts(session: AsyncSession, ids: Sequence[int]) -> dict[int, list[m.Run]]:
    query = select(m.Run).where(m.Run.node_id.in_(ids)).order_by(m.Run.node_id, m.Run.attempt)
    found: dict[int, list[m.Run]] = defaultdict(list)
    for run in await session.scalars(query.execution_options(populate_existing=True)):
        found[run.node_id].append(run)
    return found


def _usage(parts: Sequence[m.Run | Usage]) -> Usage:
    return Usage(
        sum(part.tokens_in for part in parts),
        sum(part.tokens_out for part in parts),
        sum((Decimal(part.cost) for part in parts), Decimal(0)),
        sum(part.turns for part in parts),
    )


def _view(node: m.Node, workflow: m.Workflow, who: m.Person, attempts: Sequence[m.Run]) -> NodeView:
    last = attempts[-1] if attempts else None
    live = last if last is not None and node.status is Status.ACTIVE else None
    return NodeView(
        id=node.id,
        workflow_id=node.workflow_id,
        request_id=node.request_id,
        origin=Origin(workflow.place, workflow.thread),
        requester=Person(who.id, who.name),
        **{name: getattr(node, name) for name in _SAME},
        started_at=last.started_at if last else None,
        step=STEP.validate_python(live.step) if live is not None and live.step else None,
        usage=_usage(attempts),
        duration_ms=sum(r.duration_ms for r in attempts),
        work=WORK.validate_python(node.work) if node.work else Work(branch=node.branch),
        model=str(node.policy.get(Policy.MODEL, "")),
        lands=str(node.policy.get(Policy.LANDS, "")),
        cancelling=node.cancelled_by is not None and node.status is Status.ACTIVE,
    )


_SAME = (
    "task", "role", "repo", "base", "status", "attempt", "failures", "max_failures",
    "created_at", "branch", "ended_at", "available_at", "result", "error", "cause",
    "quoted", "attached", "kind", "key", "parent_id", "skipped_for",
)  # fmt: skip
