"""Whose turn it is: threads that have something to be told now, fairly among their places."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    ColumnElement,
    CompoundSelect,
    Subquery,
    and_,
    bindparam,
    func,
    literal,
    or_,
    select,
    text,
    union_all,
)
from sqlalchemy.ext.asyncio import AsyncSession

from engine.clock import now
from engine.models import Event, Workflow
from engine.models.graph import PARKED
from engine.models.service import UNDELIVERED

WITHOUT_END = 2**31 - 1


@dataclass(frozen=True)
class Room:
    """How much can be told, and where not; see `Outbox.due`."""

    limit: int
    share: int | None
    full: Collection[str]
    quiet: Collection[str]
    edits: int | None


async def due(session: AsyncSession, room: Room) -> dict[int, str]:
    """Workflows with something to tell now, with the place of each, in the order of their turns.

    Notices come before cards, and of each the oldest; but every place has its turn before any
    has a second one. Those in which nothing could be told come last.
    """
    given = {
        "limit": room.limit,
        "share": room.share or WITHOUT_END,
        "full": list(room.full),
        "quiet": list(room.quiet),
        "edits": room.limit if room.edits is None else room.edits,
    }
    found: dict[int, str] = {}
    for row in await session.execute(DUE, given):
        found.setdefault(row.id, row.place)
    return found


def _due() -> CompoundSelect[Any]:
    """One question, made once: it is asked every second, and making it takes longer."""
    ready = (
        Workflow.place.not_in(bindparam("full", expanding=True)),
        Workflow.retry_at <= now(),
        or_(Workflow.deliver_until.is_(None), Workflow.deliver_until < now()),
    )
    loud = Workflow.place.not_in(bindparam("quiet", expanding=True))
    told = Workflow.id.in_(select(Event.workflow_id).where(text(UNDELIVERED)))
    changed = (Workflow.version != Workflow.shown, Workflow.card_at <= now())
    posted, spoken = Workflow.card.is_not(None), Workflow.parked == ""
    edited = (posted, or_(loud, ~told), *changed)
    lines = (
        _by_turns("limit", Workflow.retry_at, told, loud, spoken, *ready),
        _by_turns("limit", Workflow.card_at, ~posted, loud, *changed, spoken, *ready),
        _by_turns("edits", Workflow.card_at, *edited, spoken, *ready),
        _by_turns("limit", Workflow.retry_at, and_(text(PARKED)), loud, *ready),
    )
    found = [select(*line.c, literal(n).label("line")) for n, line in enumerate(lines)]
    return union_all(*found).order_by("line", "turn", "since")


def _by_turns(most: str, since: Any, *where: ColumnElement[bool]) -> Subquery:
    """The first of every place for which it holds, then the second of every place, and so on."""
    # "" has SQLite sort the few that are due, or else it reads all of them in the order of an index
    place = Workflow.place.concat("")
    turn = func.row_number().over(partition_by=place, order_by=(since, Workflow.id))
    found = select(Workflow.id, Workflow.place, since.label("since"), turn.label("turn"))
    line = found.where(*where).subquery()
    mine = select(line).where(line.c.turn <= bindparam("share"))
    return mine.order_by(line.c.turn, line.c.since).limit(bindparam(most)).subquery()


DUE = _due()
