"""How the ledger stands, in a few numbers: for whoever is on call."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, func, select, text
from sqlalchemy.orm import InstrumentedAttribute

from engine.cards import LIVE_WORKER_SECONDS
from engine.clock import now
from engine.models import Command, Event, Inquiry, Node, Run, Worker, Workflow
from engine.models.graph import PARKED
from engine.models.service import UNDELIVERED
from engine.models.talk import OPEN
from engine.states import Status
from engine.store import Database


@dataclass(frozen=True)
class Figures:
    """Counts, and ages in seconds (0 when there is nothing that could be old)."""

    pending: int
    oldest_pending: float
    active: int
    silent: int  # runs whose lease is over
    slots: int
    inquiries: int  # that wait for people
    oldest_inquiry: float
    unsettled: int  # commands that nobody has interpreted
    oldest_unsettled: float
    undelivered: int
    oldest_undelivered: float
    parked: int  # threads in which nothing can be told


async def figures(db: Database) -> Figures:
    """Look at the ledger; every query reads an index of what is open, not the history."""
    pending = Node.status == Status.PENDING
    live = Run.ended_at.is_(None)
    asked = and_(text(OPEN))
    unsettled = Command.done_at.is_(None)
    undelivered = and_(text(UNDELIVERED))
    alive = Worker.seen_at > now(-LIVE_WORKER_SECONDS)
    async with db.reading() as session:
        present = (await session.execute(select(now()))).scalar_one()

        async def many(query: Select[Any]) -> int:
            return await session.scalar(query) or 0

        async def age(
            oldest: InstrumentedAttribute[datetime], *where: ColumnElement[bool]
        ) -> float:
            first = await session.scalar(select(func.min(oldest)).where(*where))
            return max((present - first).total_seconds(), 0.0) if first else 0.0

        return Figures(
            pending=await many(_count(Node, pending)),
            oldest_pending=await age(Node.available_at, pending),
            active=await many(_count(Run, live)),
            silent=await many(_count(Run, live, Run.lease_until < now())),
            slots=await many(select(func.sum(Worker.slots)).where(alive)),
            inquiries=await many(_count(Inquiry, asked)),
            oldest_inquiry=await age(Inquiry.opened_at, asked),
            unsettled=await many(_count(Command, unsettled)),
            oldest_unsettled=await age(Command.at, unsettled),
            undelivered=await many(_count(Event, undelivered)),
            oldest_undelivered=await age(Event.at, undelivered),
            parked=await many(_count(Workflow, and_(text(PARKED)))),
        )


def _count(table: type[Any], *where: ColumnElement[bool]) -> Select[Any]:
    return select(func.count()).select_from(table).where(*where)
