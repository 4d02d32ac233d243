"""Tells the threads what happened: cards, notices and files, each once and in order."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

import structlog

from bot import messages
from bot.intake import message_of
from bot.messages import Attachment
from bot.pace import Pace, TooFast
from bot.posting import Enclosure, Failure, Mark, Poster, Spot, Trouble, understood
from bot.strays import Strays
from bot.writing import Writer
from engine import (
    Closed,
    Delivery,
    Ended,
    Engine,
    Failed,
    GraphAsked,
    Heard,
    Inquiry,
    LostLease,
    NodeView,
    Notice,
    Undelivered,
    is_passing,
)

AT_ONCE = 8  # threads that are served side by side
DUE = 100
EDIT_PAUSE = 3.0  # seconds between two edits of one card
LONGEST_PAUSE = 60.0
TAKEN = "eyes"  # on what was said to an agent, once the agent has it
log = structlog.stdlib.get_logger(__name__)


@dataclass
class Notifier:
    """Delivers what is due. One delivery holds one thread, so its messages keep their order."""

    engine: Engine
    poster: Poster
    writer: Writer
    carded: Callable[[float], None] = lambda _: None  # seconds from a request to its card
    pace: Pace = field(default_factory=Pace)

    def __post_init__(self) -> None:
        self.strays = Strays(self.engine.outbox, self.poster)

    async def tick(self) -> None:
        """Deliver everything that is due now."""
        room = asyncio.Semaphore(AT_ONCE)

        async def serve(workflow_id: int) -> None:
            async with room:
                await self._serve(workflow_id)

        async with asyncio.TaskGroup() as group:
            for workflow_id in await self.engine.outbox.due(DUE):
                group.create_task(serve(workflow_id))
        await self.strays.tick()

    async def _serve(self, workflow_id: int) -> None:
        delivery = await self.engine.outbox.take(workflow_id)
        if delivery is None:
            return
        with structlog.contextvars.bound_contextvars(workflow=workflow_id):
            try:
                await self._delivered(delivery)
            except LostLease:
                log.warning("somebody else speaks in this thread now")
                self.strays.suspect(delivery)

    async def _delivered(self, delivery: Delivery) -> None:
        """Deliver, or give the thread back; raises LostLease."""
        try:
            await self._deliver(delivery)
        except TooFast as pause:
            await self.engine.outbox.wait(delivery, pause.seconds)
        except LostLease:
            raise
        except Exception as error:
            if is_passing(error) and understood(error) is None:
                raise
            await self._failed(delivery, error)

    async def _failed(self, delivery: Delivery, error: Exception) -> None:
        """Leave the thread alone for a while, or for good; the others go on."""
        failure = understood(error)
        if failure is None:
            log.error("not delivered", exc_info=error)
            failure = Failure(Trouble.UNCERTAIN, repr(error))
        log.warning("not delivered", trouble=failure.trouble, reason=failure.reason)
        if failure.trouble is Trouble.CLOSED:
            await self.engine.outbox.park(delivery, failure.reason)
        else:
            pause = min(2.0 ** min(delivery.tries, 10), LONGEST_PAUSE)
            await self.engine.outbox.postpone(delivery, max(pause, failure.retry_after))

    async def _deliver(self, delivery: Delivery) -> None:
        spot = Spot(delivery.origin.place.partition("/")[2], delivery.origin.thread)
        fresh = not delivery.receipt
        if fresh:
            spot = await self._open(delivery, spot)
        for undelivered in delivery.notices:
            await self._tell(delivery, spot, undelivered)
        if delivery.card_due and not fresh:
            await self._redraw(delivery, spot)
        else:
            await self.engine.outbox.release(delivery)

    async def _open(self, delivery: Delivery, spot: Spot) -> Spot:
        """Post the card; where there was no thread yet, it begins one."""
        mark = Mark("card", delivery.workflow_id)
        ts = await self.poster.find(spot, mark) if delivery.tries else ""
        if not ts:
            self._may_post(spot)
            await self.engine.outbox.posting_card(delivery)
            ts = await self.poster.post(spot, messages.card(delivery.card), mark)
        thread = spot.thread or ts
        await self.engine.outbox.card_posted(delivery, {"ts": ts}, thread)
        for agent in delivery.card.nodes[:1]:
            self.carded((datetime.now(UTC) - agent.created_at).total_seconds())
        return Spot(spot.channel, thread)

    def _may_post(self, spot: Spot) -> None:
        """Raise TooFast when the channel has been spoken in just now."""
        if wait := self.pace.posts(spot.channel).wait():
            raise TooFast(wait)

    async def _redraw(self, delivery: Delivery, spot: Spot) -> None:
        """Bring the card up to date, as often as Slack lets us."""
        if wait := self.pace.edits.wait():
            await self.engine.outbox.postpone_card(delivery, max(wait, EDIT_PAUSE))
            return
        try:
            mark = Mark("card", delivery.workflow_id)
            await self.poster.edit(
                spot, str(delivery.receipt["ts"]), messages.card(delivery.card), mark
            )
        except Exception as error:
            failure = understood(error)
            if failure is None or failure.trouble is Trouble.CLOSED:
                raise
            log.warning("card not edited", reason=failure.reason)
            if failure.trouble is not Trouble.GONE:
                self.pace.edits.empty(failure.retry_after)
                pause = max(EDIT_PAUSE, failure.retry_after)
                await self.engine.outbox.postpone_card(delivery, pause)
                return
        await self.engine.outbox.card_shown(delivery)
        await self.engine.outbox.postpone_card(delivery, EDIT_PAUSE)

    async def _tell(self, delivery: Delivery, spot: Spot, undelivered: Undelivered) -> None:
        """Post one notice, unless an earlier try has done so."""
        notice = undelivered.notice
        if isinstance(notice.fact, Closed | Heard):
            await self._show(spot, notice, notice.fact)
            await self.engine.outbox.delivered(delivery, notice, {})
            return
        message = await self.writer.message(notice, delivery.card)
        ts = str(undelivered.receipt.get("ts") or "")
        if not ts and undelivered.sending_at is not None:
            ts = await self.poster.find(spot, Mark("notice", notice.id))
        again = bool(ts)
        if not ts:
            self._may_post(spot)
            ts = await self._attempt(
                delivery,
                notice,
                lambda: self.poster.post(spot, message, Mark("notice", notice.id)),
            )
            await self.engine.outbox.posted(delivery, notice, {"ts": ts})
        if message.file is not None:
            await self._attach(spot, message.file, ts if again else "")
        if isinstance(notice.fact, GraphAsked):
            await self._attach(spot, await self.writer.picture(delivery.card), ts if again else "")
        if isinstance(notice.fact, Ended | Failed):
            await self._hand_out(delivery, spot, notice.fact.agent, ts if again else "")
        await self.engine.outbox.delivered(delivery, notice, {"ts": ts})

    async def _attempt(
        self, delivery: Delivery, notice: Notice, call: Callable[[], Awaitable[str]]
    ) -> str:
        """Call, with the record that says so before; a sure refusal is recorded as well."""
        await self.engine.outbox.sending(delivery, notice)
        try:
            return await call()
        except Exception as error:
            failure = understood(error)
            if failure is not None and failure.trouble is Trouble.REFUSED:
                await self.engine.outbox.refused(delivery, notice)
            raise

    async def _hand_out(self, delivery: Delivery, spot: Spot, agent: NodeView, since: str) -> None:
        """Post what the agent has left for people, one file after the other."""
        outbox = self.engine.outbox
        for handout in await outbox.handouts(agent):
            title = f"From agent {agent.id}: {handout.name}"
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
        for posted in notice.posted:
            mark, ts = Mark("notice", posted.id), str(posted.receipt["ts"])
            closed = self.writer.closed(inquiry)
            try:
                await self.poster.edit(spot, ts, closed, mark)
            except Exception as error:
                failure = understood(error)
                if failure is None or failure.trouble is not Trouble.GONE:
                    raise
