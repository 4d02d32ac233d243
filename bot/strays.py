"""Copies: what this process posted although another had taken over the thread, taken back.

A process that was frozen in the middle of a post may wake up and post what another has told
meanwhile. It is the one that knows: its next word in the thread is refused. Whoever's message the
ledger knows stays.
"""

from dataclasses import dataclass, field
from time import monotonic

import structlog

from bot.places import channel_of
from bot.posting import Mark, Poster, Spot, Trouble, understood
from engine import Delivery, Outbox, Told

PAUSE = 5.0  # seconds after a failure
log = structlog.stdlib.get_logger(__name__)


@dataclass
class Suspect:
    """A delivery in which this process may have posted too late; times on the monotonic clock."""

    delivery: Delivery
    since: float
    not_before: float = 0.0  # Slack wants to be left alone until then


@dataclass
class Strays:
    """Looks after the deliveries that another process has taken over."""

    outbox: Outbox
    poster: Poster
    suspects: list[Suspect] = field(default_factory=list)

    def suspect(self, delivery: Delivery) -> None:
        """Somebody else speaks in this thread now."""
        self.suspects.append(Suspect(delivery, monotonic()))

    async def tick(self) -> None:
        """Take back the copies of what the other has told, once it has, or had a lease's time."""
        for suspect in [each for each in self.suspects if each.not_before <= monotonic()]:
            told = await self.outbox.told(suspect.delivery)
            waited = monotonic() - suspect.since
            if told.whole or waited > self.outbox.lease_seconds:
                await self._settle(suspect, told)

    async def _settle(self, suspect: Suspect, told: Told) -> None:
        """Take back what is a copy, now or when Slack can be asked again."""
        try:
            await self._take_back(suspect.delivery, told)
        except Exception as error:
            failure = understood(error)
            if failure is None:
                raise
            log.warning("copies not looked for", reason=failure.reason)
            if failure.trouble is not Trouble.CLOSED:
                suspect.not_before = monotonic() + max(failure.retry_after, PAUSE)
                return
        self.suspects.remove(suspect)

    async def _take_back(self, delivery: Delivery, told: Told) -> None:
        channel, thread = channel_of(delivery.origin.place), delivery.origin.thread
        if told.card:
            card = Mark("card", delivery.workflow_id)
            await self._remove(Spot(channel, thread), card, told.card)
        for number, kept in told.notices.items():
            await self._remove(Spot(channel, thread or told.card), Mark("notice", number), kept)

    async def _remove(self, spot: Spot, mark: Mark, kept: str) -> None:
        for ts in await self.poster.copies(spot, mark):
            if ts != kept:
                log.warning("a copy is taken back", kind=mark.kind, id=mark.id)
                await self.poster.remove(spot, ts)
