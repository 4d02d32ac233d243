"""Gates: what people see when a workflow reaches one."""

from dataclasses import replace

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from engine import inquiries, reading
from engine.graphs import ancestors
from engine.inquiries import Asking
from engine.matters import Gate
from engine.models import Node
from engine.states import Kind
from engine.views import Handed

SHOWN = 2_000  # characters of a parent's result


async def open_gate(session: AsyncSession, node: Node) -> None:
    """Put a gate's question to those who decide, with what they need to know."""
    parents = [_cut(parent) for parent in await reading.handed(session, node.id)]
    before = await _before(session, node.id)
    asking = Asking(
        Gate(node.task, tuple(parents), before),
        node.workflow_id,
        node.request_id,
        node,
        node.policy.get("approvers", ()),
        int(node.policy.get("quorum", 1)),
    )
    await inquiries.ask(session, asking)


def _cut(parent: Handed) -> Handed:
    return replace(parent, result=parent.result[:SHOWN])


async def _before(session: AsyncSession, node_id: int) -> tuple[str, ...]:
    """The keys of the agents that a gate can send the work back to, nearest first."""
    above = ancestors([node_id])
    agents = (
        select(Node.key)
        .join(above, above.c.id == Node.id)
        .where(Node.kind == Kind.AGENT, Node.key != "")
    )
    return tuple(await session.scalars(agents.order_by(Node.id.desc()).limit(20)))
