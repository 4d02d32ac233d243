"""Reading the ledger: rows become the front door's views."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

from pydantic import TypeAdapter
from sqlalchemy import ColumnElement, func, literal, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from engine import models as m
from engine.clock import UtcDateTime, now
from engine.errors import NotFound
from engine.executor import Step, Usage
from engine.spec import Origin, Person
from engine.states import Status
from engine.views import AgentView, Card, LogEntry, RunView, Work

AGENT = TypeAdapter(AgentView)
WORK = TypeAdapter(Work)
STEP = TypeAdapter(Step)
LIVE_WORKER_SECONDS = 120  # a worker that was not seen for so long offers no slots
CARD_AGENTS = 50


async def agents(session: AsyncSession, *conditions: ColumnElement[bool]) -> list[AgentView]:
    """The agents that meet all conditions, in order of their ids."""
    query = (
        select(m.Node, m.Workflow, m.Person)
        .join(m.Workflow, m.Workflow.id == m.Node.workflow_id)
        .join(m.Person, m.Person.id == m.Node.requested_by)
        .where(*conditions)
        .order_by(m.Node.id)
    )
    found = (await session.execute(query)).all()
    attempts = await _attempts(session, [node.id for node, _, _ in found])
    return [_view(node, flow, who, attempts[node.id]) for node, flow, who in found]


async def latest(
    session: AsyncSession, limit: int, *conditions: ColumnElement[bool]
) -> list[AgentView]:
    """The newest agents that meet all conditions, oldest of them first."""
    newest = select(m.Node.id).where(*conditions).order_by(m.Node.id.desc()).limit(limit)
    return await agents(session, m.Node.id.in_(list(await session.scalars(newest))))


async def agent(session: AsyncSession, agent_id: int) -> AgentView:
    """One agent; raises NotFound."""
    for view in await agents(session, m.Node.id == agent_id):
        return view
    raise NotFound(f"there is no agent {agent_id}")


async def card(session: AsyncSession, workflow: m.Workflow) -> Card:
    """What the card of a workflow shows now."""
    shown = await agents(session, m.Node.workflow_id == workflow.id)
    listed = tuple(shown[-CARD_AGENTS:])
    if not any(view.status is Status.PENDING for view in shown):
        return Card(workflow.id, workflow.version, listed)  # only who waits is told of the line
    listed = tuple([await _with_place_in_line(session, view) for view in listed])
    busy = await session.scalar(
        select(func.count()).select_from(m.Run).where(m.Run.ended_at.is_(None))
    )
    paused = await session.scalar(select(m.Brake.by))
    slots = await _slots(session)
    return Card(workflow.id, workflow.version, listed, busy or 0, slots, paused or "")


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


async def _attempts(session: AsyncSession, ids: Sequence[int]) -> dict[int, list[m.Run]]:
    query = select(m.Run).where(m.Run.node_id.in_(ids)).order_by(m.Run.node_id, m.Run.attempt)
    found: dict[int, list[m.Run]] = defaultdict(list)
    for run in await session.scalars(query.execution_options(populate_existing=True)):
        found[run.node_id].append(run)
    return found


def _usage(attempts: Sequence[m.Run]) -> Usage:
    return Usage(
        sum(r.tokens_in for r in attempts),
        sum(r.tokens_out for r in attempts),
        sum((Decimal(r.cost) for r in attempts), Decimal(0)),
        sum(r.turns for r in attempts),
    )


def _view(
    node: m.Node, workflow: m.Workflow, who: m.Person, attempts: Sequence[m.Run]
) -> AgentView:
    last = attempts[-1] if attempts else None
    live = last if last is not None and node.status is Status.ACTIVE else None
    return AgentView(
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
        model=str(node.policy.get("model", "")),
        cancelling=node.cancelled_by is not None and node.status is Status.ACTIVE,
    )


_SAME = (
    "task", "role", "repo", "base", "status", "attempt", "failures", "max_failures",
    "created_at", "branch", "ended_at", "available_at", "result", "error", "cause",
    "quoted", "attached",
)  # fmt: skip


async def _with_place_in_line(session: AsyncSession, view: AgentView) -> AgentView:
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


def facts(view: AgentView) -> dict[str, Any]:
    """A view as JSON, to be kept as a fact of its moment."""
    return AGENT.dump_python(view, mode="json")  # type: ignore[no-any-return]
