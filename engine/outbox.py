"""Delivery: which threads have something to be told, who tells it, and what was told.

A delivery is a lease on a thread (card and notices), fenced by its number: a deliverer that was
frozen finds out at its next word here that somebody else has gone on.
"""

from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import case, or_, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession

from engine import deliveries, events, files, turns
from engine.clock import now
from engine.deliveries import Delivery, Json, Told
from engine.errors import LostLease
from engine.files import Handout
from engine.models import Event, Workflow
from engine.models.graph import PARKED
from engine.models.service import UNDELIVERED
from engine.notices import Notice, Posted, Silenced
from engine.store import Database
from engine.turns import Room
from engine.views import NodeView

PARKED_SHOWN = 100
TRY_AGAIN = 600.0  # seconds until a thread is tried in which nothing could be told
_FREE: Mapping[str, Any] = {"deliver_until": None}


@dataclass(frozen=True)
class Outbox:
    """What has to be told, and the record of it."""

    db: Database
    owner: str
    lease_seconds: float = 30.0

    async def due(
        self,
        limit: int,
        share: int | None = None,
        full: Collection[str] = (),
        quiet: Collection[str] = (),
        edits: int | None = None,
    ) -> dict[int, str]:
        """Workflows with something to tell now, with their places, in the order of their turns.

        Of one place there are at most `share`. Places that are `full` have enough to do; in
        `quiet` ones nothing can be posted now, but what stands there can be edited; of those
        whose posted card alone has changed there are at most so many `edits`.
        """
        async with self.db.reading() as session:
            return await turns.due(session, Room(limit, share, full, quiet, edits))

    async def parked(self) -> list[tuple[int, str]]:
        """Threads in which nothing can be told, with the reason."""
        query = select(Workflow.id, Workflow.parked).where(text(PARKED))
        async with self.db.reading() as session:
            rows = await session.execute(query.order_by(Workflow.id.desc()).limit(PARKED_SHOWN))
            return [(row.id, row.parked) for row in rows]

    async def reopen(self, place: str) -> None:
        """There is reason to believe that a place can be spoken in again: it is tried at once."""
        closed = select(Workflow.id).where(text(PARKED), Workflow.place == place)
        locked = closed.order_by(Workflow.id).with_for_update(key_share=True)
        async with self.db.writing() as session:
            opened = update(Workflow).where(Workflow.id.in_(locked))
            await session.execute(opened.values(retry_at=now()))

    async def take(self, workflow_id: int, batch: int = 10) -> Delivery | None:
        """Lease a thread; None when somebody else has it."""
        taking = (
            update(Workflow)
            .where(
                Workflow.id == workflow_id,
                or_(Workflow.deliver_until.is_(None), Workflow.deliver_until < now()),
            )
            .values(
                deliverer=self.owner,
                deliver_until=now(self.lease_seconds),
                delivery_no=Workflow.delivery_no + 1,
            )
            .returning(Workflow)
        )
        async with self.db.writing() as session:
            workflow = (await session.scalars(taking)).one_or_none()
            if workflow is None:
                return None
            return await deliveries.delivery(session, workflow, batch)

    async def release(self, delivery: Delivery) -> None:
        """Give the thread back; all went well, so it is none of those that cannot be told."""
        await self._served(delivery, {})

    async def card_shown(self, delivery: Delivery, seconds: float) -> None:
        """The same, and the posted card shows this version; it is left alone for a while."""
        shown = {"shown": delivery.card.version, "card_at": now(seconds)}
        await self._served(delivery, shown)

    async def _served(self, delivery: Delivery, values: Json) -> None:
        await self._let_go(delivery, {"tries": 0, "parked": "", **values})
        if delivery.parked:  # its neighbours may have the same luck
            await self._delay_neighbours(delivery, 0)

    async def put_back(self, delivery: Delivery) -> None:
        """Give the thread back as it was; its turn has not come."""
        await self._let_go(delivery, {})

    async def postpone(self, delivery: Delivery, seconds: float) -> None:
        """Give the thread back and leave it alone for a while."""
        await self._let_go(delivery, {"retry_at": now(seconds), "tries": Workflow.tries + 1})

    async def postpone_card(self, delivery: Delivery, seconds: float) -> None:
        """Give the thread back; its card can wait, its notices cannot."""
        await self._let_go(delivery, {"card_at": now(seconds), "tries": 0})

    async def park(self, delivery: Delivery, reason: str) -> None:
        """Nothing can be told in this thread for now; `mab doctor` lists it.

        When it begins, whoever asked is to be told so, once. Then it is tried again now and then,
        and of all the threads of its place that are parked one at a time. That a card may have
        been posted stays known.
        """
        tried = case((Workflow.tries > 0, 1), else_=0)
        if delivery.parked:
            await self._delay_neighbours(delivery, TRY_AGAIN)
            after_them = {"retry_at": now(TRY_AGAIN + 1)}
            await self._let_go(delivery, {"parked": reason, "tries": tried, **after_them})
            return
        values = {"parked": reason, "retry_at": now(), "tries": tried}
        async with self._holding(delivery, {**_FREE, **values}) as session:
            events.tell(session, delivery.workflow_id, Silenced(reason))

    async def _delay_neighbours(self, delivery: Delivery, seconds: float) -> None:
        """Have the other parked threads of a place tried then, if their requesters know of it."""
        unaware = select(Event.workflow_id).where(text(UNDELIVERED), Event.name == deliveries.APART)
        parked = select(Workflow.id).where(
            text(PARKED),
            Workflow.place == delivery.origin.place,
            Workflow.id != delivery.workflow_id,
            Workflow.id.not_in(unaware),
        )
        locked = parked.order_by(Workflow.id).with_for_update(skip_locked=True, key_share=True)
        async with self.db.writing() as session:
            others = update(Workflow).where(Workflow.id.in_(locked))
            await session.execute(others.values(retry_at=now(seconds)))

    async def begin_anew(self, delivery: Delivery) -> None:
        """The thread is gone: the card is posted again, and begins another one."""
        values = {"thread": None, "card": None, "tries": 0, "retry_at": now()}
        await self._let_go(delivery, values)

    async def _let_go(self, delivery: Delivery, values: Json) -> None:
        async with self._holding(delivery, {**_FREE, **values}):
            pass

    async def posting_card(self, delivery: Delivery) -> None:
        """A try to post the card begins; its outcome is not known until `card_posted`."""
        async with self._holding(delivery, {"tries": Workflow.tries + 1}):
            pass

    async def card_posted(self, delivery: Delivery, receipt: Json, thread: str) -> None:
        """The card was posted, and with it the thread is known."""
        shown = {"shown": delivery.card.version, "tries": 0}
        values = {"card": dict(receipt), "thread": thread, **shown}
        async with self._holding(delivery, values):
            pass

    async def sending(self, delivery: Delivery, notice: Notice) -> None:
        """A try begins; until `delivered` or `refused` its outcome is not known."""
        await self._mark(delivery, notice, sending_at=now(), tries=Event.tries + 1)

    async def posted(self, delivery: Delivery, notice: Notice, receipt: Json) -> None:
        """A part of a notice was posted (its text, its file)."""
        await self._mark(delivery, notice, receipt=dict(receipt))

    async def refused(self, delivery: Delivery, notice: Notice) -> None:
        """The try surely had no effect."""
        await self._mark(delivery, notice, sending_at=None)

    async def told(self, delivery: Delivery) -> Told:
        """What the ledger knows by now of a delivery that somebody else has taken over."""
        numbers = [each.notice.id for each in delivery.notices]
        known = select(Event.id, Event.receipt).where(
            Event.id.in_(numbers), Event.receipt.is_not(None)
        )
        async with self.db.reading() as session:
            flow = await session.get_one(Workflow, delivery.workflow_id)
            receipts = {row.id: row.receipt for row in await session.execute(known)}
        notices = {number: str(said["ts"]) for number, said in receipts.items() if said.get("ts")}
        card = str((flow.card or {}).get("ts") or "")
        return Told(card, notices, whole=bool(card) and len(receipts) == len(numbers))

    async def asked(self, closed: Notice) -> tuple[Posted, ...]:
        """The messages that asked what this notice closes, as far as they are posted by now."""
        async with self.db.reading() as session:
            return await deliveries.asked(session, closed.id)

    async def handouts(self, agent: NodeView) -> list[Handout]:
        """The files that belong to the end of an agent and have not been handed out yet."""
        async with self.db.reading() as session:
            return await files.untold(session, agent.id, agent.attempt)

    async def content(self, handout: Handout) -> bytes:
        """What is in a file."""
        async with self.db.reading() as session:
            return await files.content(session, handout.id)

    async def handed_out(self, delivery: Delivery, handout: Handout) -> None:
        """People have a file."""
        async with self._holding(delivery, {}) as session:
            await files.told(session, handout.id)

    async def delivered(self, delivery: Delivery, notice: Notice, receipt: Json) -> None:
        """People have been told."""
        values = {"delivered_at": now(), "sending_at": None, "receipt": dict(receipt)}
        await self._mark(delivery, notice, **values)

    async def _mark(self, delivery: Delivery, notice: Notice, **values: Any) -> None:
        async with self._holding(delivery, {}) as session:
            await session.execute(update(Event).where(Event.id == notice.id).values(**values))

    @asynccontextmanager
    async def _holding(
        self, delivery: Delivery, values: Mapping[str, Any]
    ) -> AsyncIterator[AsyncSession]:
        renewed = {"deliver_until": now(self.lease_seconds), **values}
        ours = update(Workflow).where(
            Workflow.id == delivery.workflow_id, Workflow.delivery_no == delivery.number
        )
        async with self.db.writing() as session:
            held = await session.execute(ours.values(**renewed).returning(Workflow.id))
            if held.one_or_none() is None:
                raise LostLease(f"thread of workflow {delivery.workflow_id}")
            yield session
