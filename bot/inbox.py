"""Carries out what was recorded, in the order in which it came."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from time import monotonic

import structlog

from bot.conversation import Conversation
from bot.posting import Failure, Trouble, understood
from engine import Inbox, Recorded, is_passing

TRIES = 3  # then the author is told that it did not work
SLACK_AWAY = timedelta(minutes=10)  # for so long a command waits for Slack to answer again
FIRST_PAUSE = 0.5  # seconds until such a command is tried again, unless Slack asks for more
LONGEST_PAUSE = 15.0
# Slack refuses everything, until an administrator or a minute has passed.
AWAY = frozenset(
    {
        *("rate limit", "Slack cannot be reached", "token_revoked", "token_expired"),
        *("invalid_auth", "not_authed", "account_inactive"),
    }
)
log = structlog.stdlib.get_logger(__name__)


@dataclass(frozen=True)
class Pause:
    """Until when a command is left alone, and how often that has been so."""

    until: float
    times: int


@dataclass
class Interpreter:
    """Takes commands from the inbox; one that fails does not hold up the others."""

    inbox: Inbox
    conversation: Conversation
    _pauses: dict[str, Pause] = field(default_factory=dict)

    async def tick(self) -> int:
        """Carry out what is not settled and need not wait; gives how many commands that were."""
        unsettled = await self.inbox.unsettled()
        keys = {recorded.key for recorded in unsettled}
        self._pauses = {key: pause for key, pause in self._pauses.items() if key in keys}
        found = [recorded for recorded in unsettled if self._is_due(recorded.key)]
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
            away = _slack_is_away(error)
            if away and datetime.now(UTC) - recorded.at < SLACK_AWAY:
                log.warning("command waits for Slack", error=str(error))
                self._pause(recorded.key, away.retry_after)
                return
            log.exception("command failed")
            if await self.inbox.stumble(recorded.key) >= TRIES:
                await self.conversation.apologise(recorded)

    def _is_due(self, key: str) -> bool:
        return key not in self._pauses or self._pauses[key].until <= monotonic()

    def _pause(self, key: str, at_least: float) -> None:
        times = self._pauses[key].times + 1 if key in self._pauses else 0
        seconds = max(at_least, min(FIRST_PAUSE * 2.0 ** min(times, 10), LONGEST_PAUSE))
        self._pauses[key] = Pause(monotonic() + seconds, times)


def _slack_is_away(error: Exception) -> Failure | None:
    """What keeps Slack from being asked now, whatever the command is; None: something else."""
    failure = understood(error)
    if failure and (failure.trouble is Trouble.UNCERTAIN or failure.reason in AWAY):
        return failure
    return None
