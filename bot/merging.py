"""Asking whether work may go into its base branch: by a button below what tells of the work."""

import re
from dataclasses import dataclass

from bot import messages
from bot.access import Action, possible
from bot.asked import Asked, Done, Outcome
from bot.gatekeeper import Gatekeeper
from engine import Engine

VALUE = re.compile(r"(?P<id>[0-9]{1,18})\.(?P<commit>[0-9a-f]{7,64})", re.ASCII)


@dataclass(frozen=True)
class Merging:
    """Puts the question to those who approve, if the one who presses may ask for it."""

    engine: Engine
    gate: Gatekeeper

    async def press(self, value: str, asked: Asked) -> Outcome:
        """The button was pressed; its value names the agent, and the commit that was shown."""
        found = VALUE.fullmatch(value)
        if not found:
            return Done.IGNORED
        agent = await self.engine.ledger.agent(int(found["id"]))
        if refusal := await self.gate.refusal(Action.STEER, asked, agent):
            return refusal
        if not possible(self.gate.access, asked.by.id):
            return messages.nobody_could("")
        await self.engine.bringing.ask(agent.id, found["commit"], asked.wish(lambda _: None))
        return Done.SETTLED
