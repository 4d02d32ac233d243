"""The moves of nodes, and what follows from them in a locked workflow."""

from collections.abc import Iterable
from typing import Any

from sqlalchemy import ColumnElement, func, literal_column, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession

from engine import graphs
from engine.clock import now
from engine.endings import end_requests
from engine.errors import StaleMove
from engine.events import append
from engine.gates import open_gate
from engine.inquiries import withdraw
from engine.models import Node, Person, Workflow
from engine.models.graph import ADMITTED
from engine.states import TERMINAL, Kind, Status, sources


async def move(session: AsyncSession, node: Node, to: Status, **values: Any) -> None:
    """Move a node from the state in which it was read, and do what follows for those that need it.

    Raises StaleMove if it may not move there.
    """
    if to in TERMINAL:
        values.setdefault("ended_at", now())
    seen = {node.status} & sources(to)
    moving = update(Node).where(Node.id == node.id, Node.status.in_(seen))
    moved = await session.execute(moving.values(status=to, **values).returning(Node.id))
    if moved.one_or_none() is None:
        raise StaleMove(f"agent {node.id} is {node.status} and cannot become {to}")
    await session.refresh(node)
    append(session, node, f"agent.{to}")
    match to:
        case Status.COMPLETED | Status.SKIPPED:
            await graphs.release(session, node.id)
        case Status.FAILED | Status.CANCELLED:
            await graphs.give_up(session, node)


async def stop(session: AsyncSession, node: Node, by: str) -> None:
    """Cancel a node that has not ended; one that runs is ended by its worker."""
    if node.status is Status.ACTIVE:
        node.cancelled_by, node.redo = by, False
        append(session, node, "agent.cancelling", {"by": by})
    else:
        await withdraw(session, [node.id])
        await move(session, node, Status.CANCELLED, cancelled_by=by)


async def advance(session: AsyncSession, workflow_id: int, per_user: int) -> None:
    """Do what follows from the present state of a locked workflow."""
    await session.flush()
    await _open_gates(session, workflow_id)
    await _admit(session, workflow_id, per_user)
    await end_requests(session, workflow_id)
    changed = update(Workflow).where(Workflow.id == workflow_id)
    await session.execute(changed.values(version=Workflow.version + 1, kept_since=now()))


def admissible() -> ColumnElement[bool]:
    """Nodes that wait for nothing but their turn; in words that the index of these knows."""
    return (Node.status == literal_column("'blocked'")) & (Node.unmet == literal_column("0"))


async def first_in_line(session: AsyncSession, person: str, per_user: int) -> list[int]:
    """A person's first admissible agents, as many as may be admitted now."""
    admitted = select(func.count(Node.id)).where(Node.requested_by == person, text(ADMITTED))
    free = per_user - (await session.scalar(admitted) or 0)
    if free <= 0:
        return []
    line = select(Node.id).where(admissible(), Node.requested_by == person, Node.kind == Kind.AGENT)
    return list(await session.scalars(line.order_by(Node.id).limit(free)))


async def _open_gates(session: AsyncSession, workflow_id: int) -> None:
    reached = select(Node).where(
        admissible(), Node.workflow_id == workflow_id, Node.kind == Kind.GATE
    )
    fresh = reached.order_by(Node.id).execution_options(populate_existing=True)
    for node in list(await session.scalars(fresh)):
        await move(session, node, Status.WAITING)
        await open_gate(session, node)


async def _admit(session: AsyncSession, workflow_id: int, per_user: int) -> None:
    """Admit the agents that are ready, as far as their people have room.

    One person after the other in the order of their ids, so that two transactions cannot
    deadlock; and never a look at all who wait, so that it costs the same in a wide graph.
    """
    person = await _next_person(session, workflow_id, "")
    while person is not None:
        await session.execute(
            select(Person.id).where(Person.id == person).with_for_update(key_share=True)
        )
        first = await first_in_line(session, person, per_user)
        mine = select(Node).where(Node.id.in_(first), Node.workflow_id == workflow_id)
        fresh = mine.order_by(Node.id).execution_options(populate_existing=True)
        await _make_pending(session, list(await session.scalars(fresh)) if first else [])
        person = await _next_person(session, workflow_id, person)


async def _next_person(session: AsyncSession, workflow_id: int, after: str) -> str | None:
    """The next of those whose agents of this workflow wait for their turn."""
    line = select(Node.requested_by).where(
        admissible(),
        Node.workflow_id == workflow_id,
        Node.kind == Kind.AGENT,
        Node.requested_by > after,
    )
    return await session.scalar(line.order_by(Node.requested_by).limit(1))


async def _make_pending(session: AsyncSession, nodes: Iterable[Node]) -> None:
    for node in nodes:
        await move(session, node, Status.PENDING, available_at=now())
