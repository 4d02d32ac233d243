"""Carries out what was recorded, in the order in which it came."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import structlog

from bot.conversation import Conversation
from bot.posting import Trouble, understood
from engine import Inbox, Recorded, is_passing

TRIES = 3  # then the author is told that it did not work
SLACK_AWAY = timedelta(minutes=10)  # for so long a command waits for Slack to answer again
# Slack refuses everything, until an administrator or a minute has passed.
AWAY = frozenset(
    {
        *("rate limit", "Slack cannot be reached", "token_revoked", "token_expired"),
        *("invalid_auth", "not_authed", "account_inactive"),
    }
)
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
            if _slack_is_away(error) and datetime.now(UTC) - recorded.at < SLACK_AWAY:
                log.warning("command waits for Slack", error=str(error))
                return
            log.exception("command failed")
            if await self.inbox.stumble(recorded.key) >= TRIES:
                await self.conversation.apologise(recorded)


def _slack_is_away(error: Exception) -> bool:
    """Whether it is Slack that cannot be asked now, whatever the command is."""
    failure = understood(error)
    return failure is not None and (failure.trouble is Trouble.UNCERTAIN or failure.reason in AWAY)
