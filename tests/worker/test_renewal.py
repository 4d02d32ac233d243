"""Leases are renewed beside everything else that a worker does."""

import asyncio

import pytest
from sqlalchemy import select, text

from engine.models import Worker
from engine.scripted import Wait
from engine.states import Status
from engine.store import Database
from tests.worker.conftest import SECONDS, Station

WAITING = text("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'")


@pytest.mark.parametrize("database_kind", ["postgresql"], indirect=True)
async def test_what_is_claimed_during_a_renewal_is_not_taken_for_lost(
    station: Station, db: Database
) -> None:
    gate = asyncio.Event()
    station.script["long"] = [Wait(gate)]
    agent = await station.spawn("long")
    worker = await station.worker()
    async with db.writing() as session:
        await session.execute(select(Worker).with_for_update())
        renewing = asyncio.create_task(worker.renew())
        async with asyncio.timeout(SECONDS):
            while not await somebody_waits(db):  # noqa: ASYNC110 - the server has no event for it
                await asyncio.sleep(0.02)
        await worker.tick()
        [attempt] = worker.attempts.values()
    await renewing
    assert attempt.halted is None
    gate.set()
    assert (await station.ended(agent)).status is Status.COMPLETED


async def somebody_waits(db: Database) -> bool:
    """Whether a connection waits for a lock."""
    async with db.reading() as session:
        return bool(await session.scalar(WAITING))
