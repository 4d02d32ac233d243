"""Growing: more work for a workflow that is there already."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from sqlalchemy import exists, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from engine import files, graphs
from engine.commands import answer, settle
from engine.dag import NodeSpec, order
from engine.errors import InvalidSpec
from engine.events import append
from engine.models import Need, Node, Request
from engine.nodes import agent_node
from engine.policy import Policy
from engine.requests import Wish, know, open_request, refuse_repetition
from engine.spec import AgentSpec
from engine.states import Kind
from engine.workflows import Workflows

THEN = "then"  # the key of an agent that was added; the next is then-2
KIND = "growth"  # of the request


@dataclass(frozen=True)
class Growing:
    """The verbs that add to a workflow."""

    workflows: Workflows

    async def spawn(self, spec: AgentSpec, after: int, wish: Wish) -> int:
        """Add an agent that begins when node `after` is finished, from its commit and output.

        It belongs to the workflow of that node, whatever thread the wish names; without a
        repository of its own it works in the one of that node. Gives the new agent's id. Raises
        NotFound; InvalidSpec when that node has failed, was stopped or skipped, or for a
        repository that is not configured; AlreadyStarted for a repetition; StaleMove when the
        command was carried out already.
        """
        async with self.workflows.changing_agent(after, wish) as (session, before):
            return await self._add(session, spec, [before], wish)

    async def then(self, spec: AgentSpec, workflow_id: int, wish: Wish) -> int:
        """Add an agent that begins when what was worked on last is finished, all of its ends.

        Raises NotFound; InvalidSpec when there is nothing to go on from; otherwise as `spawn`.
        """
        async with self.workflows.changing(workflow_id) as session:
            await settle(session, wish.key)
            return await self._add(session, spec, await _leaves(session, workflow_id), wish)

    async def _add(
        self, session: AsyncSession, spec: AgentSpec, after: Sequence[Node], wish: Wish
    ) -> int:
        last = after[-1]
        request = await self._accept(session, after, wish, spec.task)
        spec = _at(spec, last)
        self.workflows.check(spec)
        if not wish.again:
            await refuse_repetition(session, spec, wish)
        key = await graphs.unused_key(session, last.workflow_id, THEN)
        node = agent_node(spec, request, self.workflows.settings, key)
        node.graph_id = last.graph_id
        session.add(node)
        await session.flush()
        files.attach(session, node.id, spec.files)
        await graphs.need(session, node, after)
        append(session, node, "agent.spawned")
        await answer(session, wish.key, f"agent {node.id}", wish.reply(node.id))
        return node.id

    async def grow(self, nodes: Sequence[NodeSpec], after: int, wish: Wish) -> dict[str, int]:
        """Add a graph that begins when node `after` is finished; gives the ids by their keys.

        The nodes need each other only. Otherwise as `spawn`.
        """
        first = order(nodes)
        async with self.workflows.changing_agent(after, wish) as (session, before):
            request = await self._accept(session, [before], wish, first[0].key)
            placed = [_placed(node, before) for node in nodes]
            for node in placed:
                if isinstance(node.does, AgentSpec):
                    self.workflows.check(node.does)
            made = await graphs.grow(
                session, placed, request, self.workflows.settings, before.graph_id
            )
            for spec in placed:
                if not spec.needs:
                    await graphs.need(session, made[spec.key], [before])
                append(session, made[spec.key], "agent.spawned")
            ids = {key: node.id for key, node in made.items()}
            await answer(session, wish.key, f"grown w{before.workflow_id}", wish.reply(after))
            return ids

    async def _accept(
        self, session: AsyncSession, after: Sequence[Node], wish: Wish, title: str
    ) -> Request:
        """The request that what is added belongs to; raises InvalidSpec if it could not begin."""
        await know(session, wish.by)
        for node in after:
            if node.status in graphs.DEAD and not graphs.is_met(node):
                raise InvalidSpec(_over(node))
        return await open_request(session, after[-1].workflow_id, KIND, wish, title)


def _over(node: Node) -> str:
    """Why nothing can begin after a node, and what to type."""
    to_mend = node.skipped_for or node.id
    because = f" because of agent {to_mend}" if node.skipped_for else ""
    return (
        f"agent {node.id} is {node.status}{because}, so nothing can begin after it; "
        f"retry it or skip it first: /agent retry {to_mend}, or /agent skip {node.id}"
    )


async def _leaves(session: AsyncSession, workflow_id: int) -> list[Node]:
    """The ends of what was worked on last in a workflow: of one graph, or one lone agent."""
    needed = exists().where(Need.on_id == Node.id)
    following = aliased(Node)
    followed = exists().where(following.parent_id == Node.id)
    ends = select(Node).where(Node.workflow_id == workflow_id, ~needed, ~followed)
    fresh = ends.order_by(Node.id).with_for_update().execution_options(populate_existing=True)
    found = [node for node in await session.scalars(fresh) if not node.policy.get(Policy.LANDS)]
    agents = [node for node in found if node.kind is Kind.AGENT]
    if not agents:
        raise InvalidSpec("there is no agent here to go on from yet")
    last = max(agents, key=lambda node: node.id)
    graph = last.graph_id
    return [node for node in found if node.graph_id == graph] if graph else [last]


def _placed(node: NodeSpec, before: Node) -> NodeSpec:
    return replace(node, does=_at(node.does, before)) if isinstance(node.does, AgentSpec) else node


def _at(spec: AgentSpec, before: Node) -> AgentSpec:
    """The same, where the node before it works when nothing else is said."""
    return replace(spec, repo=spec.repo or before.repo, base=spec.base or before.base)
