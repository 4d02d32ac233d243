"""Nobody but the owner of a run is believed."""

import asyncio

import pytest

from engine.errors import LostLease, StaleMove
from engine.executor import AgentResult, Step, Usage
from engine.runs import Ending
from engine.spec import Person
from engine.states import Status
from engine.verdicts import Halt
from engine.views import Work
from tests.ledger.conftest import LedgerWorld


async def test_workers_share_no_claim(ledger: LedgerWorld) -> None:
    for person in range(10):
        for _ in range(3):
            await ledger.spawn(by=_person(person))
    taken = await asyncio.gather(*(ledger.claim(f"w{n}", free=7) for n in range(5)))
    agents = [claim.agent_id for claims in taken for claim in claims]
    assert len(agents) == len(set(agents)) == 30


async def test_a_live_lease_is_not_taken_over(ledger: LedgerWorld) -> None:
    await ledger.spawn()
    [claim] = await ledger.claim("w1")
    await ledger.pass_time(50)
    assert await ledger.worker("w1").leases.renew({claim.key}) == {claim.key}
    await ledger.pass_time(50)
    assert await ledger.take_over("w2") == []


async def test_a_lost_run_is_told_once_and_goes_on(ledger: LedgerWorld) -> None:
    agent = await ledger.spawn()
    await ledger.claim("w1")
    await ledger.pass_time(61)
    assert len(await ledger.take_over("w2")) == 1
    assert await ledger.take_over("w3") == []
    assert await ledger.told(agent) == ["agent.taken_over"]
    [second] = await ledger.claim("w2")
    assert second.attempt == 2
    await ledger.finish(second, worker="w2")
    assert await ledger.told(agent) == ["agent.taken_over", "request.ended"]
    assert await ledger.outcomes(agent) == ["lost", "completed"]


async def test_every_late_word_of_a_replaced_worker_is_refused(ledger: LedgerWorld) -> None:
    agent = await ledger.spawn()
    [late] = await ledger.claim("w1")
    await ledger.pass_time(61)
    await ledger.take_over("w2")
    zombie = ledger.worker("w1")
    assert await zombie.leases.renew({late.key}) == set()
    with pytest.raises(LostLease):
        await ledger.finish(late, worker="w1")
    with pytest.raises(LostLease):
        await zombie.step(late, Step("Edit", "a.py"), Usage())
    with pytest.raises(LostLease):
        await zombie.started(late, 1, 1.0)
    with pytest.raises(LostLease):
        await zombie.opened(late, "/elsewhere", Work(branch="agent/1-x"))
    assert await ledger.status(agent) is Status.PENDING


async def test_a_late_word_also_loses_while_the_next_attempt_runs(ledger: LedgerWorld) -> None:
    agent = await ledger.spawn()
    [late] = await ledger.claim("w1")
    await ledger.pass_time(61)
    await ledger.take_over("w2")
    [second] = await ledger.claim("w2")
    with pytest.raises(LostLease):
        await ledger.finish(late, worker="w1")
    assert await ledger.status(agent) is Status.ACTIVE
    assert await ledger.finish(second, worker="w2") is Status.COMPLETED


async def test_a_pause_past_the_lease_is_harmless_when_nobody_took_over(
    ledger: LedgerWorld,
) -> None:
    agent = await ledger.spawn()
    [claim] = await ledger.claim("w1")
    await ledger.pass_time(600)
    assert await ledger.worker("w1").leases.renew({claim.key}) == {claim.key}
    assert await ledger.finish(claim) is Status.COMPLETED
    assert await ledger.told(agent) == ["request.ended"]


async def test_one_of_several_takes_a_lost_run(ledger: LedgerWorld) -> None:
    for _ in range(3):
        await ledger.spawn()
    await ledger.claim("w1")
    await ledger.pass_time(61)
    taken = await asyncio.gather(
        *(ledger.worker(f"x{n}").leases.take_over(10, []) for n in range(4))
    )
    assert sorted(run.agent_id for runs in taken for run in runs) == [1, 2, 3]


async def test_an_agent_whose_workers_die_again_and_again_fails(ledger: LedgerWorld) -> None:
    agent = await ledger.spawn()
    for _ in range(3):
        await ledger.claim("w1")
        await ledger.pass_time(61)
        await ledger.take_over("w2")
    assert await ledger.status(agent) is Status.FAILED
    assert await ledger.told(agent) == ["agent.taken_over", "agent.taken_over", "request.ended"]


async def test_a_lost_run_that_was_to_be_cancelled_is_cancelled(ledger: LedgerWorld) -> None:
    agent = await ledger.spawn()
    await ledger.claim("w1")
    await ledger.workflows.cancel(agent, await ledger.wish())
    await ledger.pass_time(61)
    await ledger.take_over("w2")
    assert await ledger.status(agent) is Status.CANCELLED
    assert await ledger.told(agent) == ["request.ended"]


async def test_finishing_cancelling_and_claiming_at_once_does_not_deadlock(
    ledger: LedgerWorld,
) -> None:
    for round_ in range(8):
        agents = [await ledger.spawn(f"{round_}/{n}", _person(n), f"t{round_}") for n in range(6)]
        claims = await ledger.claim(free=3)
        stop = Ending(Halt.CANCEL, AgentResult(success=False))
        claiming = asyncio.create_task(ledger.claim("w2"))
        results = await asyncio.gather(
            *(ledger.finish(claim) for claim in claims),
            *(_cancel(ledger, agent) for agent in agents),
            return_exceptions=True,
        )
        problems = [r for r in results if isinstance(r, Exception) and not _expected(r)]
        assert problems == []
        for claim in await claiming:
            await ledger.finish(claim, stop, "w2")
        assert {await ledger.status(agent) for agent in agents} <= {
            Status.COMPLETED,
            Status.CANCELLED,
        }
        assert [await ledger.told(agent) for agent in agents] == [["request.ended"]] * 6


async def _cancel(ledger: LedgerWorld, agent: int) -> None:
    await ledger.workflows.cancel(agent, await ledger.wish())


def _expected(error: Exception) -> bool:
    return isinstance(error, StaleMove)


def _person(number: int) -> Person:
    return Person(f"P{number}", f"Person {number}")
