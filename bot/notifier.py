"""Tells the threads what happened: cards, notices and files, each once and in order."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from time import monotonic

import structlog

from bot import messages
from bot.apart import Apart
from bot.lanes import WAITING, Lanes
from bot.pace import Pace, TooFast
from bot.places import channel_of
from bot.posting import Failure, Mark, Poster, Spot, Trouble, understood
from bot.strays import Strays
from bot.teller import Teller
from bot.writing import Writer
from engine import Delivery, Engine, LostLease, is_passing

DUE = 100  # threads of one look
PATIENCE = 0.5  # seconds for a look; what takes longer goes on beside the next one
EDIT_PAUSE = 3.0  # seconds between two edits of one card
LONGEST_PAUSE = 60.0
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
        self.teller = Teller(self.engine, self.poster, self.writer, self.pace)
        self.apart = Apart(self.engine, self.poster, self.teller)
        self.lanes = Lanes(self._serve)
        self.spoken_in: set[str] = set()  # places

    async def tick(self) -> None:
        """Deliver what is due now; a place that is slow holds up no other."""
        began = monotonic()
        while await self._look() and monotonic() - began < PATIENCE:
            await self.lanes.pause(PATIENCE)
        await self.lanes.pause(PATIENCE)
        await self.strays.tick()

    async def rest(self, seconds: float) -> None:
        """Wait for what is under way; what takes longer is cancelled."""
        try:
            await self.lanes.pause(seconds)
        except Exception:
            log.exception("not everything was told at the end")
        finally:
            await self.lanes.stop()

    async def _look(self) -> bool:
        """Have everything served whose turn it is; whether there may be more."""
        quiet = [place for place in self.spoken_in if self.pace.quiet(channel_of(place))]
        edits = self.pace.edits.tokens()  # to take threads that must wait costs more than this
        found = await self.engine.outbox.due(DUE, WAITING, self.lanes.full(), quiet, edits)
        for workflow_id, place in found.items():
            self.lanes.add(place, workflow_id)
        return max(Counter(found.values()).values(), default=0) >= WAITING

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
        except TooFast:
            self.lanes.clear(delivery.origin.place)
            await self.engine.outbox.put_back(delivery)
        except LostLease:
            raise
        except Exception as error:
            if is_passing(error) and understood(error) is None:
                raise
            await self._failed(delivery, error)

    async def _failed(self, delivery: Delivery, error: Exception) -> None:
        """Leave the thread alone for a while; the others go on."""
        failure = understood(error)
        if failure is None:
            log.error("not delivered", exc_info=error)
            failure = Failure(Trouble.UNCERTAIN, repr(error))
        log.warning("not delivered", trouble=failure.trouble, reason=failure.reason)
        outbox, in_thread = self.engine.outbox, not delivery.apart
        if failure.trouble is Trouble.CLOSED and in_thread:
            await outbox.park(delivery, failure.reason)
        elif failure.trouble is Trouble.UNTHREADED and in_thread:
            await outbox.begin_anew(delivery)
        else:
            if failure.retry_after and in_thread:
                self._hush(delivery.origin.place, failure.retry_after)
            pause = min(2.0 ** min(delivery.tries, 10), LONGEST_PAUSE)
            await outbox.postpone(delivery, max(pause, failure.retry_after))

    def _hush(self, place: str, seconds: float) -> None:
        """Slack wants to be left alone there: the other threads of the place need not ask."""
        self.pace.posts(channel_of(place)).empty(seconds)
        self.lanes.clear(place)

    async def _deliver(self, delivery: Delivery) -> None:
        self.spoken_in.add(delivery.origin.place)
        if delivery.apart:
            await self.apart.tell(delivery, delivery.apart[0])
            await self.engine.outbox.put_back(delivery)
            return
        spot = Spot(channel_of(delivery.origin.place), delivery.origin.thread)
        fresh = not delivery.receipt
        if fresh:
            spot = await self._open(delivery, spot)
        for undelivered in delivery.notices:
            await self.teller.tell(delivery, spot, undelivered)
        if delivery.card_due and not fresh:
            await self._redraw(delivery, spot)
        else:
            await self.engine.outbox.release(delivery)

    async def _open(self, delivery: Delivery, spot: Spot) -> Spot:
        """Post the card; where there was no thread yet, it begins one."""
        mark = Mark("card", delivery.workflow_id)
        ts = await self.poster.find(spot, mark) if delivery.tries else ""
        if not ts:
            self.teller.may_post(spot)
            await self.engine.outbox.posting_card(delivery)
            ts = await self.poster.post(spot, messages.card(delivery.card), mark)
        thread = spot.thread or ts
        await self.engine.outbox.card_posted(delivery, {"ts": ts}, thread)
        for agent in delivery.card.nodes[:1]:
            self.carded((datetime.now(UTC) - agent.created_at).total_seconds())
        return Spot(spot.channel, thread)

    async def _redraw(self, delivery: Delivery, spot: Spot) -> None:
        """Bring the card up to date, as often as Slack lets us."""
        if wait := self.pace.edits.wait():
            await self._redraw_later(delivery, max(wait, EDIT_PAUSE))
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
                await self._redraw_later(delivery, max(EDIT_PAUSE, failure.retry_after))
                return
        await self.engine.outbox.card_shown(delivery, EDIT_PAUSE)

    async def _redraw_later(self, delivery: Delivery, seconds: float) -> None:
        """The card can wait; whether a parked thread can be spoken in is not known by then."""
        if delivery.parked:
            await self.engine.outbox.postpone(delivery, seconds)
        else:
            await self.engine.outbox.postpone_card(delivery, seconds)
