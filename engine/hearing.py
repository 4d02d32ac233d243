"""Until when people were heard: a gap is looked up once, by whoever finds it."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select, text, update
from sqlalchemy.ext.asyncio import AsyncSession

from engine.clock import now
from engine.models import Hearing as HearingRow
from engine.models import Node, Workflow
from engine.models.graph import UNFINISHED
from engine.spec import Origin
from engine.store import Database

GAP = 30.0  # seconds; what is sent in a shorter one, Slack sends again
LONGEST = 24 * 3600.0  # seconds; what was said earlier is not looked up
LEASE = 120.0  # seconds for one step of looking up
RECENT = 24 * 3600.0  # seconds since something has changed in a thread that has ended
PLACES = 50
THREADS = 100


@dataclass(frozen=True)
class Hearing:
    """Knows what was not heard, and where something may have been said to us."""

    db: Database

    async def heard(self) -> datetime | None:
        """People can be heard now.

        Gives the beginning of what was missed, to be looked up by the caller and nobody else.
        """
        async with self.db.writing() as session:
            row = await self._row(session)
            present: datetime = (await session.execute(select(now()))).scalar_one()
            last, row.heard_at = row.heard_at, present
            if last and (present - last).total_seconds() > GAP:
                row.missed_since = min(row.missed_since or last, last)
            if row.missed_since is None:
                return None
            if row.catching_until is not None and row.catching_until > present:
                return None
            row.catching_until = present + timedelta(seconds=LEASE)
            return max(row.missed_since, present - timedelta(seconds=LONGEST))

    async def catching(self) -> None:
        """What was missed is still being looked up, and people are heard."""
        async with self.db.writing() as session:
            values = {"heard_at": now(), "catching_until": now(LEASE)}
            await session.execute(update(HearingRow).values(values))

    async def caught_up(self) -> None:
        """What was missed is recorded."""
        async with self.db.writing() as session:
            values = {"missed_since": None, "catching_until": None}
            await session.execute(update(HearingRow).values(values))

    async def places(self) -> list[str]:
        """Where people speak with us: the places of the latest workflows."""
        latest = select(Workflow.place, Workflow.kept_since).where(Workflow.kept_since.is_not(None))
        some = latest.order_by(Workflow.kept_since.desc()).limit(10 * PLACES).subquery()
        async with self.db.reading() as session:
            found = await session.scalars(select(some.c.place).distinct().limit(PLACES))
            return list(found)

    async def threads(self) -> list[Origin]:
        """The threads in which something may be said to an agent, the latest of them."""
        open_ones = select(Node.workflow_id).where(text(UNFINISHED)).distinct().limit(THREADS)
        recent = (
            select(Workflow.id)
            .where(Workflow.kept_since > now(-RECENT))
            .order_by(Workflow.kept_since.desc())
            .limit(THREADS)
        )
        async with self.db.reading() as session:
            ids = {*(await session.scalars(open_ones)), *(await session.scalars(recent))}
            wanted = select(Workflow.place, Workflow.thread).where(Workflow.id.in_(ids))
            rows = await session.execute(wanted.order_by(Workflow.id.desc()).limit(THREADS))
            return [Origin(row.place, row.thread) for row in rows if row.thread]

    async def _row(self, session: AsyncSession) -> HearingRow:
        return (await session.scalars(select(HearingRow).with_for_update())).one()
