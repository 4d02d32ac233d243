"""The moves of nodes, and what follows from them in a locked workflow."""

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from sqlalchemy import ColumnElement, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from engine import reading
from engine.clock import now
from engine.errors import StaleMove
from engine.events import append
from engine.models import Node, Person, Request, Workflow
from engine.states import ADMITTED, TERMINAL, Status, sources


async def move(session: AsyncSession, node: Node, to: Status, **values: Any) -> None:
    """Move a node from the state in which it was read; raises StaleMove if it may not."""
    if to in TERMINAL:
        values.setdefault("ended_at", now())
    seen = {node.status} & sources(to)
    moving = update(Node).where(Node.id == node.id, Node.status.in_(seen))
    moved = await session.execute(moving.values(status=to, **values).returning(Node.id))
    if moved.one_or_none() is None:
        raise StaleMove(f"agent {node.id} is {node.status} and cannot become {to}")
    await session.refresh(node)
    append(session, node, f"agent.{to}")


async def advance(session: AsyncSession, workflow_id: int, per_user: int) -> None:
    """Do what follows from the present state of a locked workflow."""
    await session.flush()
    await _admit(session, workflow_id, per_user)
    await _end_requests(session, workflow_id)
    changed = update(Workflow).where(Workflow.id == workflow_id)
    await session.execute(changed.values(version=Workflow.version + 1))


def admissible() -> ColumnElement[bool]:
    """Nodes that wait for nothing but their turn."""
    return (Node.status == Status.BLOCKED) & (Node.unmet == 0)


async def first_in_line(session: AsyncSession, person: str, per_user: int) -> list[int]:
    """A person's first admissible nodes, as many as may be admitted now."""
    admitted = select(func.count()).where(Node.requested_by == person, Node.status.in_(ADMITTED))
    free = per_user - (await session.scalar(admitted) or 0)
    if free <= 0:
        return []
    line = select(Node.id).where(admissible(), Node.requested_by == person)
    return list(await session.scalars(line.order_by(Node.id).limit(free)))


async def _admit(session: AsyncSession, workflow_id: int, per_user: int) -> None:
    candidates = select(Node).where(admissible(), Node.workflow_id == workflow_id)
    by_person: dict[str, list[Node]] = defaultdict(list)
    for node in await session.scalars(candidates.order_by(Node.id)):
        by_person[node.requested_by].append(node)
    for person in sorted(by_person):  # one order for all, so that two transactions cannot deadlock
        await session.execute(
            select(Person.id).where(Person.id == person).with_for_update(key_share=True)
        )
        first = await first_in_line(session, person, per_user)
        await _make_pending(session, (node for node in by_person[person] if node.id in first))


async def _make_pending(session: AsyncSession, nodes: Iterable[Node]) -> None:
    for node in nodes:
        await move(session, node, Status.PENDING, available_at=now())


async def _end_requests(session: AsyncSession, workflow_id: int) -> None:
    """End each open request whose agents have all ended, with its one terminal notice."""
    unfinished = select(Node.id).where(Node.request_id == Request.id, Node.status.not_in(TERMINAL))
    ending = (
        update(Request)
        .where(Request.workflow_id == workflow_id, Request.ended_at.is_(None), ~unfinished.exists())
        .values(ended_at=now())
        .returning(Request.id)
    )
    for request_id in sorted(await session.scalars(ending)):
        last = select(Node).where(Node.request_id == request_id).order_by(Node.id.desc()).limit(1)
        node = (await session.scalars(last)).one()
        view = await reading.agent(session, node.id)
        append(session, node, "request.ended", {"agent": reading.facts(view)}, notify=True)
    await session.flush()
