"""Whose turn it is: threads that have something to be told now, fairly among their places."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, func, or_, select, text, true
from sqlalchemy.ext.asyncio import AsyncSession

from engine.clock import now
from engine.models import Event, Workflow
from engine.models.graph import PARKED
from engine.models.service import UNDELIVERED


@dataclass(frozen=True)
class Room:
    """How much can be told, and where not; see `Outbox.due`."""

    limit: int
    share: int | None
    full: Collection[str]
    quiet: Collection[str]


async def due(session: AsyncSession, room: Room) -> dict[int, str]:
    """Workflows with something to tell now, with the place of each, in the order of their turns.

    Notices come before cards, and of each the oldest; but every place has its turn before any
    has a second one. Those in which nothing could be told come last.
    """
    found: dict[int, str] = {}
    for query in _queries(room):
        for row in await session.execute(query.limit(room.limit)):
            found.setdefault(row.id, row.place)
    return found


def _queries(room: Room) -> list[Select[tuple[int, str]]]:
    ready = (
        Workflow.place.not_in(room.full),
        Workflow.retry_at <= now(),
        or_(Workflow.deliver_until.is_(None), Workflow.deliver_until < now()),
    )
    loud = Workflow.place.not_in(room.quiet)
    told = Workflow.id.in_(select(Event.workflow_id).where(text(UNDELIVERED)))
    changed = (Workflow.version != Workflow.shown, Workflow.card_at <= now())
    edited = or_(loud, and_(Workflow.card.is_not(None), ~told))
    return [
        _by_turns(room, Workflow.retry_at, told, loud, Workflow.parked == "", *ready),
        _by_turns(room, Workflow.card_at, *changed, edited, Workflow.parked == "", *ready),
        _by_turns(room, Workflow.retry_at, and_(text(PARKED)), loud, *ready),
    ]


def _by_turns(room: Room, since: Any, *where: ColumnElement[bool]) -> Select[tuple[int, str]]:
    """The first of every place for which it holds, then the second of every place, and so on."""
    # "" has SQLite sort the few that are due, or else it reads all of them in the order of an index
    place = Workflow.place.concat("")
    turn = func.row_number().over(partition_by=place, order_by=(since, Workflow.id))
    found = select(Workflow.id, Workflow.place, since.label("since"), turn.label("turn"))
    line = found.where(*where).subquery()
    mine = line.c.turn <= room.share if room.share else true()
    return select(line.c.id, line.c.place).where(mine).order_by(line.c.turn, line.c.since)
