"""More work after what is there: `then: …` in a thread, or `spawn --parent 12 …`."""

from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, replace
from typing import Any

from bot import messages
from bot.access import Action
from bot.asked import Asked, Done, Outcome
from bot.gatekeeper import Gatekeeper
from bot.grammar import Ref
from bot.replies import packed
from bot.repository import Ask, Chosen, Unknown, choose
from bot.settings import BotSettings
from bot.surroundings import Surveyor
from engine import AgentSpec, AlreadyStarted, Engine, NodeView, Wish

Start = Callable[[AgentSpec, Wish], Coroutine[Any, Any, int]]


@dataclass(frozen=True)
class Growing:
    """Adds agents that begin when others are done."""

    engine: Engine
    gate: Gatekeeper
    settings: BotSettings
    surveyor: Surveyor

    async def after(self, spec: AgentSpec, parent: Ref, asked: Asked) -> Outcome:
        """Add an agent after one that is named, in the thread of that one."""
        ledger = self.engine.ledger
        found = ledger.agent(parent.agent) if parent.agent else None
        node = await (found or ledger.node(parent.workflow, parent.key))

        async def start(placed: AgentSpec, wish: Wish) -> int:
            return await self.engine.growing.spawn(placed, node.id, wish)

        return await self._add(spec, [node], start, asked)

    async def then(self, spec: AgentSpec, asked: Asked) -> Outcome:
        """Add an agent after what was worked on last in the thread."""
        origin, ledger = asked.origin, self.engine.ledger
        nodes = await ledger.of_thread(origin) if origin.thread else []
        if not nodes:
            return messages.nothing_before()
        workflow = nodes[-1].workflow_id

        async def start(placed: AgentSpec, wish: Wish) -> int:
            return await self.engine.growing.then(placed, workflow, wish)

        return await self._add(spec, nodes, start, asked)

    async def _add(
        self, spec: AgentSpec, before: Sequence[NodeView], start: Start, asked: Asked
    ) -> Outcome:
        for action in (Action.SPAWN, Action.READ):
            if refusal := await self.gate.refusal(action, asked, before[-1]):
                return refusal
        channel = before[-1].origin.place.partition("/")[2]
        repos = [node.repo for node in before if node.repo]
        match choose(spec.repo, channel, repos, self.settings.repos):
            case Chosen(repo):
                return await self._start(replace(spec, repo=repo), start, asked)
            case Ask(among):
                return messages.which_repo(among, asked.typed, asked.recorded.key)
            case Unknown(named, usable):
                return messages.unknown_repo(named, usable, asked.typed)

    async def _start(self, spec: AgentSpec, start: Start, asked: Asked) -> Outcome:
        around = await self.surveyor.survey(asked.payload)
        wish = asked.wish(lambda agent: packed(messages.added(agent, around.lacks)))
        try:
            await start(replace(spec, context=around.context, files=around.files), wish)
        except AlreadyStarted as started:
            twin = await self.engine.ledger.agent(started.agent_id)
            return messages.already_started(twin, asked.recorded.key)
        return Done.SETTLED
