"""Growing: more work for a workflow that is there already."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from sqlalchemy.ext.asyncio import AsyncSession

from engine import files, graphs
from engine.commands import answer, settle
from engine.dag import NodeSpec, order
from engine.errors import InvalidSpec
from engine.events import append
from engine.models import Node, Request
from engine.nodes import agent_node
from engine.requests import Wish, know, open_request, refuse_repetition
from engine.spec import AgentSpec
from engine.states import Status
from engine.workflows import Workflows

TITLE = 120  # characters
OVER = (Status.FAILED, Status.CANCELLED, Status.SKIPPED)


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
        async with self.workflows.changing(await self.workflows.workflow_of(after)) as session:
            before, request = await self._accept(session, after, wish, spec.task)
            spec = _at(spec, before)
            self.workflows.check(spec)
            if not wish.again:
                await refuse_repetition(session, spec, wish)
            node = agent_node(spec, request, self.workflows.settings)
            node.graph_id = before.graph_id
            session.add(node)
            await session.flush()
            files.attach(session, node.id, spec.files)
            await graphs.need(session, node, [before])
            append(session, node, "agent.spawned")
            await answer(session, wish.key, f"agent {node.id}", wish.reply(node.id))
            return node.id

    async def grow(self, nodes: Sequence[NodeSpec], after: int, wish: Wish) -> dict[str, int]:
        """Add a graph that begins when node `after` is finished; gives the ids by their keys.

        The nodes need each other only. Otherwise as `spawn`.
        """
        first = order(nodes)
        async with self.workflows.changing(await self.workflows.workflow_of(after)) as session:
            before, request = await self._accept(session, after, wish, first[0].key)
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
        self, session: AsyncSession, after: int, wish: Wish, title: str
    ) -> tuple[Node, Request]:
        """The node that is gone on from, and the request that what is added belongs to."""
        await settle(session, wish.key)
        await know(session, wish.by)
        before = await session.get_one(Node, after, with_for_update=True)
        if before.status in OVER and not graphs.is_met(before):
            raise InvalidSpec(
                f"{after} is {before.status}, so nothing can begin after it; "
                f"retry it or skip it first"
            )
        request = await open_request(session, before.workflow_id, "growth", wish)
        request.title = title[:TITLE]
        return before, request


def _placed(node: NodeSpec, before: Node) -> NodeSpec:
    return replace(node, does=_at(node.does, before)) if isinstance(node.does, AgentSpec) else node


def _at(spec: AgentSpec, before: Node) -> AgentSpec:
    """The same, where the node before it works when nothing else is said."""
    return replace(spec, repo=spec.repo or before.repo, base=spec.base or before.base)
