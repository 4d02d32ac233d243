"""Tells people apart, in direct messages, that their thread cannot be told anything."""

from dataclasses import dataclass

import structlog

from bot import messages
from bot.posting import Failure, Poster, Spot, Trouble, understood
from bot.teller import Teller
from engine import Delivery, Engine, Silenced, Undelivered

# Nobody can be told there, whenever it is tried.
UNREACHABLE = frozenset(
    {
        *("user_not_found", "user_not_visible", "user_disabled", "users_list_not_supplied"),
        *("cannot_dm_bot", "not_enough_users", "invalid_user_combination"),
    }
)
log = structlog.stdlib.get_logger(__name__)


@dataclass(frozen=True)
class Apart:
    """Speaks with the one who asked for a workflow; with somebody who cannot be reached it ends."""

    engine: Engine
    poster: Poster
    teller: Teller

    async def tell(self, delivery: Delivery, undelivered: Undelivered) -> None:
        """Say once why the thread is silent; raises TooFast, LostLease."""
        notice = undelivered.notice
        receipt: dict[str, str]
        try:
            receipt = {"ts": await self._post(delivery, undelivered)}
        except Exception as error:
            failure = understood(error)
            if failure is None or not _for_good(failure):
                raise
            log.warning("who asked cannot be told", reason=failure.reason)
            receipt = {"refused": failure.reason}
        await self.engine.outbox.delivered(delivery, notice, receipt)

    async def _post(self, delivery: Delivery, undelivered: Undelivered) -> str:
        fact = undelivered.notice.fact
        assert isinstance(fact, Silenced)  # noqa: S101 - nothing else is told apart
        person = await self.engine.ledger.owner(delivery.workflow_id)
        spot = Spot(await self.poster.direct(person), None)
        message = messages.silenced(delivery.card, fact.reason)
        ts, _ = await self.teller.post(delivery, spot, undelivered, message)
        return ts


def _for_good(failure: Failure) -> bool:
    return failure.trouble is Trouble.CLOSED or failure.reason in UNREACHABLE
