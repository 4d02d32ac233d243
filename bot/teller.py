"""Tells one notice, with everything that belongs to it, so that nothing of it is told twice."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from bot.intake import erasure, message_of
from bot.messages import Attachment, Message
from bot.pace import Pace, TooFast
from bot.posting import Enclosure, Mark, Poster, Spot, Trouble, understood
from bot.writing import Writer
from engine import (
    Closed,
    Delivery,
    Ended,
    Engine,
    Failed,
    GraphAsked,
    Handout,
    Heard,
    Inquiry,
    Notice,
    Opened,
    Undelivered,
)

TAKEN = "eyes"  # on what was said to an agent, once the agent has it
WITHOUT_EFFECT = frozenset({Trouble.REFUSED, Trouble.CLOSED, Trouble.UNTHREADED})


@dataclass(frozen=True)
class Teller:
    """Speaks in threads that somebody else has leased."""

    engine: Engine
    poster: Poster
    writer: Writer
    pace: Pace

    async def tell(self, delivery: Delivery, spot: Spot, undelivered: Undelivered) -> None:
        """Post one notice, unless an earlier try has done so; raises TooFast, LostLease."""
        notice = undelivered.notice
        if isinstance(notice.fact, Closed | Heard):
            await self._show(spot, notice, notice.fact)
            await self.engine.outbox.delivered(delivery, notice, {})
            return
        message = await self.writer.message(notice, delivery.card)
        handouts = await self._handouts(notice)
        ts, again = await self.post(delivery, spot, undelivered, message)
        alone = message.file is None and not handouts and not isinstance(notice.fact, GraphAsked)
        if not alone and not again:  # what follows may fail; else one record says all
            await self.engine.outbox.posted(delivery, notice, {"ts": ts})
        since = ts if again else ""
        if message.file is not None:
            await self._attach(spot, message.file, since)
        if isinstance(notice.fact, GraphAsked):
            await self._attach(spot, await self.writer.picture(delivery.card), since)
        await self._hand_out(delivery, spot, handouts, since)
        await self.engine.outbox.delivered(delivery, notice, {"ts": ts})
        if isinstance(notice.fact, Opened):
            await self._ask_again(delivery.origin.place, ts)

    async def _ask_again(self, place: str, ts: str) -> None:
        """Have a question asked again whose message was deleted before it was on record."""
        if await self.engine.inbox.find(erasure(place, ts)):
            await self.engine.decisions.ask_again(place, {"ts": ts})

    async def post(
        self, delivery: Delivery, spot: Spot, undelivered: Undelivered, message: Message
    ) -> tuple[str, bool]:
        """Post a notice's message: its ts, and whether an earlier try had posted it.

        The caller records it.
        """
        notice = undelivered.notice
        ts = str(undelivered.receipt.get("ts") or "")
        if not ts and undelivered.sending_at is not None:
            ts = await self.poster.find(spot, Mark("notice", notice.id))
        if ts:
            return ts, True
        self.may_post(spot)
        ts = await self._attempt(
            delivery, notice, lambda: self.poster.post(spot, message, Mark("notice", notice.id))
        )
        return ts, False

    def may_post(self, spot: Spot) -> None:
        """Raise TooFast when the channel has been spoken in just now."""
        if self.pace.posts(spot.channel).wait():
            raise TooFast

    async def _attempt(
        self, delivery: Delivery, notice: Notice, call: Callable[[], Awaitable[str]]
    ) -> str:
        """Call, with the record that says so before; a sure refusal is recorded as well."""
        await self.engine.outbox.sending(delivery, notice)
        try:
            return await call()
        except Exception as error:
            failure = understood(error)
            if failure is not None and failure.trouble in WITHOUT_EFFECT:
                await self.engine.outbox.refused(delivery, notice)
            raise

    async def _handouts(self, notice: Notice) -> dict[Handout, str]:
        """What the agent whose end this is has left for people, with titles."""
        if not isinstance(notice.fact, Ended | Failed):
            return {}
        agent = notice.fact.agent
        files = await self.engine.outbox.handouts(agent)
        return {file: f"From agent {agent.id}: {file.name}" for file in files}

    async def _hand_out(
        self, delivery: Delivery, spot: Spot, handouts: Mapping[Handout, str], since: str
    ) -> None:
        """Post the files, one after the other."""
        outbox = self.engine.outbox
        for handout, title in handouts.items():
            file = Enclosure(handout.name, title, await outbox.content(handout))
            await self._attach(spot, file, since)
            await outbox.handed_out(delivery, handout)

    async def _attach(self, spot: Spot, file: Attachment | Enclosure, since: str) -> None:
        if not (since and await self.poster.has_file(spot, file, since)):
            await self.poster.upload(spot, file)

    async def _show(self, spot: Spot, notice: Notice, fact: Closed | Heard) -> None:
        """Tell what needs no message of its own, on the messages that are there."""
        match fact:
            case Closed(inquiry):
                await self._close(spot, notice, inquiry)
            case Heard(keys):
                for key in keys:
                    if ts := message_of(key):
                        await self.poster.react(spot, ts, TAKEN)

    async def _close(self, spot: Spot, notice: Notice, inquiry: Inquiry) -> None:
        """What was posted of an inquiry loses its buttons and says how it ended."""
        for posted in await self.engine.outbox.asked(notice):
            mark, ts = Mark("notice", posted.id), str(posted.receipt["ts"])
            closed = self.writer.closed(inquiry)
            try:
                await self.poster.edit(spot, ts, closed, mark)
            except Exception as error:
                failure = understood(error)
                if failure is None or failure.trouble is not Trouble.GONE:
                    raise
