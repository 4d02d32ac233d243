"""Starting an agent: in which repository, and with what surrounds the request for it."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from bot import messages
from bot.asked import Asked, Done, Outcome
from bot.messages import Message
from bot.replies import packed
from bot.repository import Ask, Chosen, Unknown, choose
from bot.surroundings import Surveyor
from engine import AgentSpec, AlreadyStarted, Engine, NodeView, Repo, Wish

Begin = Callable[[AgentSpec, Wish], Awaitable[int]]
Accepted = Callable[[int, Sequence[str]], Message]  # of the agent's number, and what it lacks


@dataclass(frozen=True)
class Starter:
    """Places tasks and hands them to the engine; who may ask is the caller's to say."""

    engine: Engine
    repos: Mapping[str, Repo]
    surveyor: Surveyor

    async def repository(self, named: str, asked: Asked) -> str | Message:
        """The repository that is meant where somebody asks, or what is to be answered instead."""
        here = await self.engine.ledger.of_thread(asked.origin)
        return self.placed(named, asked.payload["channel"], here, asked)

    def placed(
        self, named: str, channel: str, nodes: Sequence[NodeView], asked: Asked
    ) -> str | Message:
        """The same for what follows upon nodes of a channel's thread."""
        thread = [node.repo for node in nodes if node.repo]
        match choose(named, channel, thread, self.repos):
            case Chosen(repo):
                return repo
            case Ask(among):
                return messages.which_repo(among, asked.typed, asked.recorded.key)
            case Unknown(unknown, usable):
                return messages.unknown_repo(unknown, usable, asked.typed)

    async def start(
        self, spec: AgentSpec, begin: Begin, accepted: Accepted, asked: Asked
    ) -> Outcome:
        """Begin with what was said and attached; a repetition is asked about."""
        around = await self.surveyor.survey(asked.payload)
        wish = asked.wish(lambda agent: packed(accepted(agent, around.lacks)))
        try:
            await begin(replace(spec, context=around.context, files=around.files), wish)
        except AlreadyStarted as started:
            twin = await self.engine.ledger.agent(started.agent_id)
            return messages.already_started(twin, asked.recorded.key)
        return Done.SETTLED
