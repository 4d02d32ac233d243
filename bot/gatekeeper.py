"""Asks the access rules about the one who acts, and words the refusal."""

from dataclasses import dataclass

from bot import messages
from bot.access import Access, Action, Denied, decide
from bot.asked import Asked
from bot.directory import Directory
from bot.messages import Message
from engine import NodeView, Origin


@dataclass(frozen=True)
class Gatekeeper:
    """Knows who may do what."""

    directory: Directory
    access: Access

    async def refusal(
        self, action: Action, asked: Asked, agent: NodeView | None = None
    ) -> Message | None:
        """The refusal when the asker may not."""
        owner = agent.requester.id if agent else ""
        return await self.refused(action, asked, agent.origin if agent else None, owner)

    async def refused(
        self, action: Action, asked: Asked, origin: Origin | None, owner: str
    ) -> Message | None:
        """The same, for what belongs to a thread and was asked for by `owner`."""
        channel = origin.place.partition("/")[2] if origin else ""
        actor = await self.directory.actor(asked.by.id, channel)
        decision = decide(action, actor, self.access, owner=owner)
        return messages.denied(decision, asked.by.id) if isinstance(decision, Denied) else None
