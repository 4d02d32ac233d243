"""Carries out what was recorded, in the order in which it came."""

from dataclasses import dataclass

import structlog

from bot.conversation import Conversation
from engine import Inbox, Recorded, is_passing

TRIES = 3  # then the author is told that it did not work
log = structlog.stdlib.get_logger(__name__)


@dataclass(frozen=True)
class Interpreter:
    """Takes commands from the inbox; one that fails does not hold up the others."""

    inbox: Inbox
    conversation: Conversation

    async def tick(self) -> int:
        """Carry out every command that is not settled; gives how many there were."""
        found = await self.inbox.unsettled()
        for recorded in found:
            with structlog.contextvars.bound_contextvars(command=recorded.key):
                await self._take(recorded)
        return len(found)

    async def _take(self, recorded: Recorded) -> None:
        try:
            await self.conversation.take(recorded)
        except Exception as error:
            if is_passing(error):
                raise  # the database is away: nothing can be done for any command
            log.exception("command failed")
            if await self.inbox.stumble(recorded.key) >= TRIES:
                await self.conversation.apologise(recorded)
