"""Delivery: which threads have something to be told, who tells it, and what was told.

A delivery is a lease on a thread (card and notices), fenced by its number: a deliverer that was
frozen finds out at its next word here that somebody else has gone on.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import or_, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession

from engine import cards, files, notices
from engine.clock import now
from engine.errors import LostLease
from engine.files import Handout
from engine.models import Event, Workflow
from engine.models.graph import PARKED
from engine.models.service import UNDELIVERED
from engine.notices import Card, Closed, Notice, Opened, Posted
from engine.spec import Origin
from engine.store import Database
from engine.views import NodeView

Json = Mapping[str, Any]
PARKED_SHOWN = 100


@dataclass(frozen=True)
class Undelivered:
    """A notice that is to be delivered, with what is known of earlier tries."""

    notice: Notice
    tries: int
    sending_at: datetime | None  # when a try began whose outcome is not known
    receipt: Json  # what has been posted of it


@dataclass(frozen=True)
class Delivery:
    """The right to speak in one thread, until the lease is over."""

    workflow_id: int
    number: int
    origin: Origin
    receipt: Json  # where the card was posted; empty before
    card: Card
    card_due: bool
    notices: tuple[Undelivered, ...]
    tries: int


@dataclass(frozen=True)
class Told:
    """What has been told of a delivery, by whomever: where the messages stand."""

    card: str  # "" = nowhere yet
    notices: dict[int, str]  # by number
    whole: bool  # all of it


@dataclass(frozen=True)
class Outbox:
    """What has to be told, and the record of it."""

    db: Database
    owner: str
    lease_seconds: float = 30.0

    async def due(self, limit: int) -> list[int]:
        """Workflows with something to tell now: notices first, then cards; oldest first."""
        free = (
            Workflow.parked == "",
            Workflow.retry_at <= now(),
            or_(Workflow.deliver_until.is_(None), Workflow.deliver_until < now()),
        )
        telling = select(Event.workflow_id).where(text(UNDELIVERED))
        notices = select(Workflow.id).where(Workflow.id.in_(telling), *free)
        changed = (Workflow.version != Workflow.shown, Workflow.card_at <= now())
        cards = select(Workflow.id).where(*changed, *free)
        async with self.db.reading() as session:
            first = await session.scalars(notices.order_by(Workflow.retry_at).limit(limit))
            then = await session.scalars(cards.order_by(Workflow.card_at).limit(limit))
            return list(dict.fromkeys([*first, *then]))

    async def parked(self) -> list[tuple[int, str]]:
        """Threads in which nothing can be told, with the reason."""
        query = select(Workflow.id, Workflow.parked).where(text(PARKED))
        async with self.db.reading() as session:
            rows = await session.execute(query.order_by(Workflow.id.desc()).limit(PARKED_SHOWN))
            return [(row.id, row.parked) for row in rows]

    async def take(self, workflow_id: int, batch: int = 10) -> Delivery | None:
        """Lease a thread; None when somebody else has it or nothing is due."""
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
            return Delivery(
                workflow.id,
                workflow.delivery_no,
                Origin(workflow.place, workflow.thread),
                workflow.card or {},
                await cards.card(session, workflow),
                workflow.version != workflow.shown,
                tuple(await _notices(session, workflow.id, batch)),
                workflow.tries,
            )

    async def release(self, delivery: Delivery) -> None:
        """Give the thread back; all went well."""
        await self._let_go(delivery, {"tries": 0})

    async def wait(self, delivery: Delivery, seconds: float) -> None:
        """Give the thread back for a moment; nothing went wrong."""
        await self._let_go(delivery, {"retry_at": now(seconds)})

    async def postpone(self, delivery: Delivery, seconds: float) -> None:
        """Give the thread back and leave it alone for a while."""
        await self._let_go(delivery, {"retry_at": now(seconds), "tries": Workflow.tries + 1})

    async def postpone_card(self, delivery: Delivery, seconds: float) -> None:
        """Give the thread back; its card can wait, its notices cannot."""
        await self._let_go(delivery, {"card_at": now(seconds), "tries": 0})

    async def park(self, delivery: Delivery, reason: str) -> None:
        """Nothing can be told in this thread any more; `mab doctor` lists it."""
        await self._let_go(delivery, {"parked": reason})

    async def _let_go(self, delivery: Delivery, values: Json) -> None:
        async with self._holding(delivery, {"deliver_until": None, **values}):
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

    async def card_shown(self, delivery: Delivery) -> None:
        """The posted card shows the version of this delivery."""
        async with self._holding(delivery, {"shown": delivery.card.version}):
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


async def _posted(session: AsyncSession, event: Event) -> tuple[Posted, ...]:
    """The messages that asked what is closed now, wholly or in part: those of its revision."""
    if event.name != notices.NAMES[Closed]:
        return ()
    asked = select(Event).where(
        Event.inquiry_id == event.inquiry_id,
        Event.id < event.id,
        Event.name == notices.NAMES[Opened],
    )
    found = await session.scalars(asked.order_by(Event.id))
    return tuple(Posted(e.id, e.receipt) for e in found if e.receipt and _same(e, event))


def _same(opened: Event, closed: Event) -> bool:
    return bool(opened.data["inquiry"]["revision"] == closed.data["inquiry"]["revision"])


async def _notices(session: AsyncSession, workflow_id: int, batch: int) -> Sequence[Undelivered]:
    query = (
        select(Event)
        .where(Event.workflow_id == workflow_id, text(UNDELIVERED))
        .order_by(Event.id)
        .limit(batch)
    )
    return [
        Undelivered(
            Notice(
                event.id,
                event.at,
                notices.unpacked(event.name, event.data),
                await _posted(session, event),
            ),
            event.tries,
            event.sending_at,
            event.receipt or {},
        )
        for event in await session.scalars(query)
    ]
