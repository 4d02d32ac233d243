"""Whether the disk has room for another agent; where it has none, the ledger says so.

A worker without room begins nothing, rather than fail agents in the middle of their work. It then
offers no slots, so that cards and metrics tell why nobody begins.
"""

import asyncio
import shutil
from dataclasses import dataclass
from pathlib import Path

import structlog
from sqlalchemy import update

from engine.leases import Leases
from engine.models import Worker

GIB = 2**30
log = structlog.get_logger()


@dataclass
class Room:
    """The room that one worker has."""

    leases: Leases
    slots: int
    place: Path  # MAB_HOME
    least_gb: float  # that must stay free
    full: bool = False  # as the ledger knows it

    async def there(self) -> bool:
        """Whether another agent can begin; tells the ledger when that has changed."""
        full = await asyncio.to_thread(lacking, self.place, self.least_gb) > 0
        if full is not self.full:
            await self._offer(0 if full else self.slots)
            self.full = full
            what = "no room on the disk: nothing is begun" if full else "there is room again"
            log.warning(what, place=str(self.place), keep_free_gb=self.least_gb)
        return not full

    async def _offer(self, slots: int) -> None:
        offered = update(Worker).where(Worker.id == self.leases.worker).values(slots=slots)
        async with self.leases.db.writing() as session:
            await session.execute(offered)


def lacking(place: Path, least_gb: float) -> float:
    """Bytes by which the free room is below what must stay free, at most 0 if it is not; blocks."""
    there = next(path for path in (place, *place.parents) if path.exists())
    return least_gb * GIB - shutil.disk_usage(there).free
