"""Asks the access rules about the one who acts, and words the refusal."""

from dataclasses import dataclass

from bot import messages
from bot.access import Access, Action, Denied, decide, possible
from bot.asked import Asked
from bot.directory import Directory
from bot.messages import Message
from bot.places import channel_of
from engine import NodeView, Origin


@dataclass(frozen=True)
class Gatekeeper:
    """Knows who may do what."""

    directory: Directory
    access: Access
    asks: bool = False  # agents have to ask people for some tool calls

    async def refusal(
        self, action: Action, asked: Asked, agent: NodeView | None = None
    ) -> Message | None:
        """The refusal when the asker may not, or may, but nobody could allow what it asks for."""
        owner = agent.requester.id if agent else ""
        refused = await self.refused(action, asked, agent.origin if agent else None, owner)
        if refused is None and action is Action.SPAWN and self.asks:
            could = possible(self.access, asked.by.id)
            return None if could else messages.nobody_permits(asked.typed)
        return refused

    async def refused(
        self, action: Action, asked: Asked, origin: Origin | None, owner: str
    ) -> Message | None:
        """The same, for what belongs to a thread and was asked for by `owner`."""
        channel = channel_of(origin.place) if origin else ""
        actor = await self.directory.actor(asked.by.id, channel)
        decision = decide(action, actor, self.access, owner=owner)
        return messages.denied(decision, asked.by.id) if isinstance(decision, Denied) else None
