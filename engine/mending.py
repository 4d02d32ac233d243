"""Mending a graph: a node again, or without it; what is above stays, what is below begins again."""

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from engine import graphs, purses
from engine.advance import move
from engine.audit import Act, Did, note
from engine.commands import answer
from engine.errors import StaleMove
from engine.events import append
from engine.inquiries import withdraw
from engine.models import Message, Node, Request
from engine.policy import Policy
from engine.requests import Wish, know, open_request
from engine.states import Kind, Status
from engine.workflows import Workflows

MENDABLE = frozenset({Status.FAILED, Status.CANCELLED})


@dataclass(frozen=True)
class Mending:
    """The verbs that repair a workflow."""

    workflows: Workflows

    async def retry(self, agent_id: int, wish: Wish, advice: str = "") -> None:
        """Let an agent that failed or was stopped try again, from what it has done so far.

        `advice` is given to it. What depends on it begins again after it. Raises NotFound;
        StaleMove when it is not in such a state.
        """
        async with self.workflows.changing_agent(agent_id, wish) as (session, node):
            if node.status not in MENDABLE:
                raise StaleMove(f"agent {agent_id} is {node.status}; there is nothing to retry")
            await know(session, wish.by)
            if advice and node.kind is Kind.AGENT:
                session.add(Message(node_id=node.id, author=wish.by.id, text=advice))
            await again(session, node, await self._request(session, node, wish))
            note(session, Act(Did.RETRIED, wish.by.id, wish.key, advice), node)
            await answer(session, wish.key, f"retry {agent_id}", wish.reply(agent_id))

    async def skip(self, agent_id: int, wish: Wish) -> None:
        """Let a workflow go on without a node that has not been completed.

        Raises NotFound; StaleMove when it is completed, works at this moment, or was skipped
        by somebody already.
        """
        async with self.workflows.changing_agent(agent_id, wish) as (session, node):
            if graphs.is_met(node) or node.status is Status.ACTIVE:
                raise StaleMove(f"agent {agent_id} is {node.status} and cannot be skipped")
            await know(session, wish.by)
            await pass_over(session, node, wish.by.id, await self._request(session, node, wish))
            note(session, Act(Did.SKIPPED, wish.by.id, wish.key), node)
            await answer(session, wish.key, f"skip {agent_id}", wish.reply(agent_id))

    async def _request(self, session: AsyncSession, node: Node, wish: Wish) -> Request:
        """The request that the nodes belong to from now on: theirs, unless it has ended."""
        old = await session.get_one(Request, node.request_id)
        if old.ended_at is None:
            return old
        request = await open_request(session, node.workflow_id, "retry", wish, old.title)
        request.on_failure = old.on_failure
        return request


async def again(session: AsyncSession, node: Node, request: Request) -> None:
    """Send a node, and everything that its end decided about, back to the beginning."""
    below = graphs.descendants([node.id])
    ids = set(await session.scalars(select(below.c.id)))
    ids |= set(await session.scalars(select(Node.id).where(Node.skipped_for == node.id)))
    ids.discard(node.id)
    await graphs.reset(session, {node.id, *ids})
    await graphs.forget_work(session, ids)
    await graphs.forget_decisions(session, [node.id], [Policy.APPROVED, Policy.RESUME])
    await purses.begin_anew(session, {node.id, *ids})
    await _adopt(session, {node.id, *ids}, request)
    await session.refresh(node)
    append(session, node, "agent.retried", {"by": request.by})


async def pass_over(session: AsyncSession, node: Node, by: str, request: Request) -> None:
    """Go on without a node; what was skipped because of it begins after all."""
    below = graphs.descendants([node.id])
    skipped = select(Node.id).where(
        Node.status == Status.SKIPPED,
        Node.skipped_for.is_not(None),
        Node.id != node.id,
        or_(Node.id.in_(select(below.c.id)), Node.skipped_for == node.id),
    )
    ids = list(await session.scalars(skipped))
    await withdraw(session, [node.id])
    if node.status is Status.SKIPPED:
        node.skipped_for, node.cancelled_by = None, by
        append(session, node, "agent.skipped", {"by": by})
        await session.flush()
    else:
        await move(session, node, Status.SKIPPED, cancelled_by=by)
    await graphs.reset(session, ids)
    await _adopt(session, [node.id, *ids], request)


async def _adopt(session: AsyncSession, ids: Collection[int], request: Request) -> None:
    """Nodes whose own request has ended belong to this one now."""
    over = select(Request.id).where(Request.ended_at.is_not(None))
    homeless = update(Node).where(Node.id.in_(ids), Node.request_id.in_(over))
    await session.execute(homeless.values(request_id=request.id))
