"""Trouble with the clock that leases are compared with: it goes forward, or back, and returns."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from sqlalchemy import update
from sqlalchemy.exc import DBAPIError

from engine.models import Clock
from engine.store import Database
from tests.chaos.fault import Fault
from tests.chaos.grip import grip
from tests.chaos.ordered import BRIEF, Span
from tests.chaos.place import Place

AGAIN = 0.2  # seconds after which it is tried again where the database is away
PATIENCE = 120.0


@dataclass(frozen=True)
class Turned:
    """The clock is set by so many leases, and after a while set right."""

    kind: str
    by: Span

    async def strike(self, place: Place, chance: Random) -> bool:
        """Set it; whether the database let us."""
        with grip(place, "clock") as free:
            return free and await self._turned(place, chance)

    async def _turned(self, place: Place, chance: Random) -> bool:
        try:
            turned = await _set(place.db, self.by.seconds(place, chance))
            await asyncio.sleep(BRIEF.seconds(place, chance))
        finally:
            await _right(place.db)
        return turned


async def _set(db: Database, seconds: float) -> bool:
    try:
        async with db.writing() as session:
            await session.execute(update(Clock).values(seconds=seconds))
    except (DBAPIError, OSError):
        return False
    return True


async def _right(db: Database) -> None:
    """Set the clock right, also when the database is away for now."""
    async with asyncio.timeout(PATIENCE):
        while not await _set(db, 0.0):  # noqa: ASYNC110 - the database has no event
            await asyncio.sleep(AGAIN)


FAULTS: Sequence[Fault] = (
    Turned("clock forward", Span(0.2, 0.7)),
    Turned("clock forward by more than a lease", Span(1.1, 1.5)),
    Turned("clock back", Span(-0.7, -0.2)),
    Turned("clock back by more than a lease", Span(-1.5, -1.1)),
)
