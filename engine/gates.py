"""Gates: what people see when a workflow reaches one."""

from collections.abc import Sequence
from dataclasses import replace

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from engine import inquiries, reading
from engine.graphs import ancestors
from engine.inquiries import Asking
from engine.matters import Gate
from engine.models import Node
from engine.policy import Policy
from engine.states import Kind
from engine.views import Handed

SHOWN = 2_000  # characters of a parent's result


async def open_gate(session: AsyncSession, node: Node) -> None:
    """Put a gate's question to those who decide, with what they need to know."""
    parents = [_cut(parent) for parent in await reading.handed(session, node.id)]
    before = await _before(session, node.id)
    span = await _span(session, parents)
    node.policy = {**node.policy, Policy.SPAN: span}
    asking = Asking(
        Gate(node.task, tuple(parents), before, str(span.get("since", ""))),
        node.workflow_id,
        node.request_id,
        node,
        node.policy.get(Policy.APPROVERS, ()),
        int(node.policy.get(Policy.QUORUM, 1)),
    )
    await inquiries.ask(session, asking)


async def _span(session: AsyncSession, parents: Sequence[Handed]) -> dict[str, str]:
    """What was changed since the last gate, where it is more than one step's and one line."""
    line = list(parents)
    while len(line) == 1 and _works(line[0]):
        above = await reading.handed(session, line[0].id)
        same = [each for each in above if _works(each) and each.repo == line[0].repo]
        if len(above) != 1 or len(same) != 1:
            break
        line = same
    first, last = line[0] if line else None, parents[0] if parents else None
    if first is None or last is None or first is last or not _works(first):
        return {}
    return {"repo": last.repo, "since": first.work.base_commit, "commit": last.work.commit}


def _works(each: Handed) -> bool:
    return each.kind is Kind.AGENT and bool(each.work.commit)


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
