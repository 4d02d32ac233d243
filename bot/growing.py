"""More work after what is there: `then: …` in a thread, or `spawn --parent 12 …`."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from bot import messages
from bot.access import Action
from bot.asked import Asked, Outcome
from bot.gatekeeper import Gatekeeper
from bot.grammar import Ref
from bot.messages import Message
from bot.places import channel_of
from bot.starting import Begin, Starter
from engine import AgentSpec, Engine, NodeView, Wish


@dataclass(frozen=True)
class Growing:
    """Adds agents that begin when others are done."""

    engine: Engine
    gate: Gatekeeper
    starter: Starter

    async def after(self, spec: AgentSpec, parent: Ref, asked: Asked) -> Outcome:
        """Add an agent after one that is named, in the thread of that one."""
        ledger = self.engine.ledger
        found = ledger.agent(parent.agent) if parent.agent else None
        node = await (found or ledger.node(parent.workflow, parent.key))

        async def begin(placed: AgentSpec, wish: Wish) -> int:
            return await self.engine.growing.spawn(placed, node.id, wish)

        return await self._add(spec, [node], begin, asked)

    async def then(self, spec: AgentSpec, asked: Asked) -> Outcome:
        """Add an agent after what was worked on last in the thread."""
        nodes = await self.engine.ledger.of_thread(asked.origin)
        if not nodes:
            return messages.nothing_before()
        workflow = nodes[-1].workflow_id

        async def begin(placed: AgentSpec, wish: Wish) -> int:
            return await self.engine.growing.then(placed, workflow, wish)

        return await self._add(spec, nodes, begin, asked)

    async def _add(
        self, spec: AgentSpec, before: Sequence[NodeView], begin: Begin, asked: Asked
    ) -> Outcome:
        for action in (Action.SPAWN, Action.READ):
            if refusal := await self.gate.refusal(action, asked, before[-1]):
                return refusal
        channel = channel_of(before[-1].origin.place)
        repo = self.starter.placed(spec.repo, channel, before, asked)
        if isinstance(repo, Message):
            return repo
        return await self.starter.start(replace(spec, repo=repo), begin, messages.added, asked)
