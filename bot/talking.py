"""Speaking to agents: an instruction to one that works, or going on with one that has ended."""

from dataclasses import dataclass
from typing import Any

from bot import messages
from bot.access import Action
from bot.asked import Asked, Done, Outcome
from bot.gatekeeper import Gatekeeper
from bot.meaning import Thread, addressed
from bot.replies import packed
from bot.surroundings import Surveyor
from engine import TERMINAL, Engine, Inquiry, NodeView, Plan, Status


@dataclass(frozen=True)
class Talking:
    """Hands on what people say to agents, if they may say it."""

    engine: Engine
    gate: Gatekeeper
    surveyor: Surveyor

    async def instruct(self, text: str, thread: Thread, asked: Asked) -> Outcome:
        """Give an instruction to the agent that is meant."""
        agent, said = addressed(thread, text)
        meant = [agent] if agent else candidates(thread.unfinished)
        if len(meant) != 1:
            return messages.not_a_step(len(meant))
        return await self._say(meant[0], said, thread, asked)

    async def follow_up(self, text: str, thread: Thread, asked: Asked) -> Outcome:
        """Go on where the last agent, or the one that is named, has ended."""
        agent, said = addressed(thread, text)
        return await self._say(agent or _last(thread), said, thread, asked)

    async def follow_up_if_alone(self, text: str, thread: Thread, asked: Asked) -> Outcome:
        """The same, unless somebody else has joined the conversation since the end."""
        agent = addressed(thread, text)[0] or _last(thread)
        since = agent.ended_at.timestamp() if agent.ended_at else 0.0
        if await self.surveyor.others_spoke(asked.payload, asked.by.id, since):
            return Done.IGNORED
        return await self.follow_up(text, thread, asked)

    async def revise(self, text: str, draft: Inquiry, thread: Thread, asked: Asked) -> Outcome:
        """Have the agent that proposed a plan change it."""
        assert isinstance(draft.matter, Plan)  # noqa: S101 - `meaning.changes` says so
        planner = await self.engine.ledger.agent(draft.matter.planner)
        return await self._say(planner, text, thread, asked)

    async def _say(self, agent: NodeView, text: str, thread: Thread, asked: Asked) -> Outcome:
        if refusal := await self._refusal(agent, asked):
            return refusal
        known = {each.id for each in thread.agents}

        def told(number: int) -> dict[str, Any]:
            heard = messages.passed_on if number in known else messages.goes_on
            return packed(heard(number))

        await self.engine.talk.say(agent.id, text, asked.wish(told))
        return Done.SETTLED

    async def _refusal(self, agent: NodeView, asked: Asked) -> messages.Message | None:
        """To go on with an agent starts one."""
        refusal = await self.gate.refusal(Action.STEER, asked, agent)
        if refusal is None and agent.status in TERMINAL:
            return await self.gate.refusal(Action.SPAWN, asked)
        return refusal


def candidates(unfinished: list[NodeView]) -> list[NodeView]:
    """The agents that can be meant without a name: those that work, or else those that are left."""
    return [agent for agent in unfinished if agent.status is Status.ACTIVE] or unfinished


def _last(thread: Thread) -> NodeView:
    """The agent that ended last; one that did something before one that did not."""
    return max(thread.agents, key=lambda agent: (bool(agent.work.branch), agent.id))
