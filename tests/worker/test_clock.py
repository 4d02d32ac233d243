"""The clock is set forward and back by an hour: leases, what waits, and the polling."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from sqlalchemy import select

from engine.clock import now
from engine.leases import Leases, Offer
from engine.models import Run
from engine.scheduler import Beat, polling
from engine.scripted import Wait, Write
from engine.states import Status
from tests.worker.conftest import SECONDS, Station

HOUR = 3600.0
LEASE = 60.0
OFFER = Offer(1, ("shop",), "test", 1, 1.0)


async def test_forward_a_worker_does_not_lose_its_live_run_to_itself(station: Station) -> None:
    gate = asyncio.Event()
    agent, worker = await station.begun("long", Write("all.txt", "all"), Wait(gate))
    await station.pass_time(HOUR)
    await worker.tick()
    await worker.renew()
    await worker.tick()
    gate.set()
    view = await station.ended(agent)
    assert (view.status, view.attempt, view.failures) == (Status.COMPLETED, 1, 0)
    assert await station.told() == ["request.ended"]


async def test_forward_another_worker_may_take_over_and_only_one_end_counts(
    station: Station,
) -> None:
    gate = asyncio.Event()
    agent, first = await station.begun("long", Write("half.txt", "half"), Wait(gate))
    await station.pass_time(HOUR)
    station.script["long"] = [Write("rest.txt", "rest")]
    second = await station.worker()
    await second.tick()
    gate.set()
    await station.ended(agent)
    await first.renew()
    await station.idle(first)
    assert first.attempts == {}
    runs = await station.ledger.runs(agent)
    assert [run.outcome for run in runs][:1] == ["lost"]
    assert [run.outcome for run in runs].count("completed") == 1
    assert (await station.told()).count("request.ended") == 1


async def test_back_a_live_worker_goes_on(station: Station) -> None:
    gate = asyncio.Event()
    other = await station.worker()
    agent, worker = await station.begun("long", Write("all.txt", "all"), Wait(gate))
    await station.pass_time(-HOUR)
    await other.renew()
    await worker.renew()
    await other.tick()
    gate.set()
    view = await station.ended(agent)
    assert (view.status, view.attempt) == (Status.COMPLETED, 1)
    assert await station.told() == ["request.ended"]


async def test_back_a_dead_worker_of_another_host_is_believed_for_a_lease_only(
    station: Station,
) -> None:
    dead = Leases(station.db, "dead", "elsewhere", LEASE)
    alive = Leases(station.db, "alive", "here", LEASE)
    await alive.register(OFFER)
    if not station.db.is_sqlite:  # whose workers all are of one host
        await dead.register(OFFER)
    await station.spawn("lost")
    [claim] = await dead.claim(1, ["shop"])
    await station.pass_time(-HOUR)
    await alive.renew([])
    assert await alive.take_over(10, []) == []
    async with station.db.reading() as session:
        assert await session.scalar(select(Run.lease_until < now(LEASE + 1)))
    await station.pass_time(LEASE + 1)
    assert [lost.key for lost in await alive.take_over(10, [])] == [claim.key]


async def test_back_what_waits_is_begun_and_told_at_once(station: Station) -> None:
    worker = await station.worker()
    agent = await station.spawn("wait")
    await station.pass_time(-HOUR)
    await worker.tick()
    assert (await station.ledger.agent(agent)).status is Status.PENDING
    await worker.renew()
    await worker.tick()
    await station.ended(agent)
    assert await station.told() == ["request.ended"]


async def test_back_a_worker_that_joins_mends_it_too(station: Station) -> None:
    await station.worker()
    agent = await station.spawn("wait")
    await station.pass_time(-HOUR)
    await (await station.worker()).tick()
    await station.ended(agent)


async def test_back_the_polling_goes_on() -> None:
    """The scheduler sees that its next moment is an hour away, as after a clock set back."""
    polls = 0

    async def tick() -> None:
        nonlocal polls
        polls += 1

    beat = Beat("beat", tick)
    async with polling({beat: 0.05}, watch_seconds=0.1) as scheduler:
        await _reaches(lambda: polls, 2)
        scheduler.modify_job("beat", next_run_time=datetime.now(UTC) + timedelta(seconds=HOUR))
        await _reaches(lambda: polls, polls + 10)
        [job] = scheduler.get_jobs()
        assert job.next_run_time < datetime.now(UTC) + timedelta(seconds=60)


async def _reaches(count: Callable[[], int], wanted: int) -> None:
    async with asyncio.timeout(SECONDS):
        while count() < wanted:  # noqa: ASYNC110 - the scheduler calls others
            await asyncio.sleep(0.02)
