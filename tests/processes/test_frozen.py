"""A worker that stands still for longer than its leases last, and goes on as if nothing were."""

import asyncio
import signal

import pytest
from sqlalchemy import select

from engine.clock import now
from engine.demo_model import Turn
from engine.models import Run
from tests.processes.conftest import REST, Installation, scene, until

LEASE = 4.0  # seconds


@pytest.mark.parametrize("database_kind", ["postgresql"], indirect=True)
async def test_the_late_result_of_a_replaced_worker_is_refused(mab: Installation) -> None:
    answer = asyncio.Event()
    mab.configure(lease=LEASE)
    await mab.plays(long=[scene("half.txt", Turn("A late word.", after=answer)), REST])
    late = await mab.serves()
    card = await mab.spawns("long")
    await mab.asked(2)
    late.signal(signal.SIGSTOP)
    answer.set()  # the CLI has its result, and nobody reads it
    await (await mab.starts("worker")).ready()
    await until(lambda: mab.came_to([(1, "lost"), (2, "completed")]))
    late.signal(signal.SIGCONT)
    assert await mab.story(card) == ["taken over", "done"]
    await until(lambda: any(event.startswith("lease lost") for event in late.events()))
    assert await mab.runs() == [(1, "lost"), (2, "completed")]
    assert (await mab.ledger.agent(1)).result == "All done."
    assert {"half.txt", "rest.txt"} <= set(await mab.on_branch())
    assert mab.notices(card) == ["taken over", "done"]
    owners = {run.worker for run in await mab.ledger.runs(1)}
    assert len(owners) == 1, "who took over wrote both ends"


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
async def test_without_anybody_who_took_over_it_is_harmless(mab: Installation) -> None:
    answer = asyncio.Event()
    mab.configure(lease=LEASE)
    await mab.plays(long=[scene("half.txt", Turn("Only late.", after=answer))])
    late = await mab.serves()
    card = await mab.spawns("long")
    await mab.asked(2)
    late.signal(signal.SIGSTOP)
    await until(lambda: expired(mab))
    answer.set()
    late.signal(signal.SIGCONT)
    assert await mab.story(card) == ["done"]
    assert await mab.runs() == [(1, "completed")]
    assert (await mab.ledger.agent(1)).result == "Only late."


async def expired(mab: Installation) -> bool:
    """Whether the only lease has been over for a second."""
    late = select(Run.lease_until < now(-1))
    async with mab.db.reading() as session:
        return bool(await session.scalar(late))
