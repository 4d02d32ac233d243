"""The brake: while it is on, no worker claims an agent."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from engine.commands import insert_new
from engine.models import Brake
from engine.store import Database


@dataclass(frozen=True)
class Paused:
    """That the brake is on: since when, by whom, and whether running agents end as well."""

    by: str
    at: datetime
    ends_runs: bool


async def paused(db: Database) -> Paused | None:
    """Whether the brake is on."""
    async with db.reading() as session:
        found = (await session.scalars(select(Brake))).one_or_none()
        return found and Paused(found.by, found.at, found.ends_runs)  # type: ignore[return-value]


async def pull(session: AsyncSession, by: str, *, ends_runs: bool) -> None:
    """Pull the brake; one that is on already may become harder, never softer."""
    await session.execute(insert_new(session, Brake).values(id=1, by=by, ends_runs=ends_runs))
    if ends_runs:
        brake = await session.get_one(Brake, 1)
        brake.ends_runs = True


async def release(session: AsyncSession) -> bool:
    """Let claiming go on; False when the brake was off."""
    gone = await session.execute(delete(Brake).returning(Brake.id))
    return gone.one_or_none() is not None
