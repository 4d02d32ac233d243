"""Agents whose worker stops, dies or freezes."""

import asyncio

from engine.scripted import Wait, Write
from engine.states import Status
from tests.worker.conftest import Station, git


async def test_a_stopping_worker_hands_its_agents_over_with_their_work(station: Station) -> None:
    agent, first = await station.begun("long", Write("half.txt", "half"), Wait(asyncio.Event()))
    first.drain_seconds = 0.0
    await first.stop()
    assert (await station.ledger.agent(agent)).status is Status.PENDING
    station.script["long"] = [Write("rest.txt", "rest")]
    await (await station.worker()).tick()
    view = await station.ended(agent)
    assert (view.status, view.attempt, view.failures) == (Status.COMPLETED, 2, 0)
    assert [change.path for change in view.work.files] == ["half.txt", "rest.txt"]
    assert await station.told() == ["request.ended"]


async def test_the_work_of_a_dead_worker_is_saved_and_gone_on_with(station: Station) -> None:
    agent, _ = await station.begun("long", Write("half.txt", "half"), Wait(asyncio.Event()))
    await station.pass_time(61)
    station.script["long"] = [Write("rest.txt", "rest")]
    second = await station.worker()
    await second.tick()
    view = await station.ended(agent)
    assert (view.attempt, view.failures) == (2, 1)
    assert station.on_branch(view, "half.txt") == "half"
    assert station.on_branch(view, "rest.txt") == "rest"
    assert await station.told() == ["agent.taken_over", "request.ended"]


async def test_a_worker_that_wakes_up_replaced_says_nothing_more(station: Station) -> None:
    gate = asyncio.Event()
    agent, frozen = await station.begun("long", Write("half.txt", "half"), Wait(gate))
    await station.pass_time(61)
    station.script["long"] = [Write("rest.txt", "rest")]
    second = await station.worker()
    await second.tick()
    await station.ended(agent)
    gate.set()
    await frozen.renew()
    await station.idle(frozen)
    assert frozen.attempts == {}
    view = await station.ledger.agent(agent)
    assert (view.status, view.attempt) == (Status.COMPLETED, 2)
    assert git("log", "--format=%an", f"main..{view.work.branch}", cwd=station.shop) == (
        f"agent {agent}\nagent {agent}"
    )


async def test_the_hard_brake_puts_running_agents_back_into_the_line(station: Station) -> None:
    station.script["long"] = [Write("half.txt", "half"), Wait(asyncio.Event())]
    agent = await station.spawn("long")
    worker = await station.worker()
    await worker.tick()
    await station.active(agent)
    await station.workflows.pause(await station.wish(), ends_runs=True)
    await worker.tick()
    view = await station.until(agent, lambda view: view.status is Status.PENDING)
    assert station.on_branch(view, "half.txt") == "half"
    await station.idle(worker)
    assert worker.attempts == {}
    station.script["long"] = [Write("rest.txt", "rest")]
    await station.workflows.resume(await station.wish())
    await worker.tick()
    assert (await station.ended(agent)).failures == 0
