"""An agent from the question to its one terminal notice."""

import asyncio

import pytest

from engine.errors import InvalidSpec, LostLease, NotFound, StaleMove
from engine.executor import AgentResult
from engine.requests import AlreadyStarted
from engine.runs import Ending
from engine.spec import AgentSpec
from engine.states import Cause, Status
from engine.verdicts import Halt
from tests.ledger.conftest import ALICE, BOB, LedgerWorld


async def test_a_spawned_agent_is_claimed_finished_and_told_once(ledger: LedgerWorld) -> None:
    agent = await ledger.spawn()
    assert await ledger.status(agent) is Status.PENDING
    [claim] = await ledger.claim()
    assert (claim.agent_id, claim.attempt) == (agent, 1)
    assert await ledger.status(agent) is Status.ACTIVE
    assert await ledger.finish(claim) is Status.COMPLETED
    assert await ledger.told(agent) == ["request.ended"]
    with pytest.raises(LostLease):
        await ledger.finish(claim)
    assert await ledger.told(agent) == ["request.ended"]


async def test_the_same_command_starts_one_agent(ledger: LedgerWorld) -> None:
    wish = await ledger.wish()
    first = await ledger.workflows.start(AgentSpec("once", repo="shop"), wish)
    with pytest.raises(StaleMove):
        await ledger.workflows.start(AgentSpec("another", repo="shop"), wish)
    assert [claim.agent_id for claim in await ledger.claim()] == [first]


async def test_a_repetition_within_a_minute_is_asked_about(ledger: LedgerWorld) -> None:
    first = await ledger.spawn("fix it")
    with pytest.raises(AlreadyStarted) as raised:
        await ledger.spawn("fix it")
    assert raised.value.agent_id == first
    again = await ledger.wish(again=True)
    assert await ledger.workflows.start(AgentSpec("fix it", repo="shop"), again) != first
    await ledger.pass_time(61)
    assert await ledger.spawn("fix it") != first
    assert await ledger.spawn("fix it", by=BOB) != first


async def test_an_unknown_repository_is_refused(ledger: LedgerWorld) -> None:
    with pytest.raises(InvalidSpec):
        await ledger.workflows.start(AgentSpec("do", repo="nowhere"), await ledger.wish())
    assert await ledger.claim() == []


async def test_spawns_in_one_thread_share_a_workflow(ledger: LedgerWorld) -> None:
    one, two = await ledger.spawn(thread="t"), await ledger.spawn(thread="t")
    claims = {claim.agent_id: claim for claim in await ledger.claim()}
    assert claims[one].workflow_id == claims[two].workflow_id
    await ledger.finish(claims[one])
    assert await ledger.told(one) == ["request.ended"]
    assert await ledger.told(two) == []


async def test_people_take_turns(ledger: LedgerWorld) -> None:
    hers = [await ledger.spawn(by=ALICE) for _ in range(5)]
    his = await ledger.spawn(by=BOB)
    served: list[int] = []
    for _ in range(6):
        [claim] = await ledger.claim(free=1)
        served.append(claim.agent_id)
        await ledger.finish(claim)
    assert served == [*hers[:3], his, *hers[3:]]


async def test_no_more_than_a_persons_share_is_admitted(ledger: LedgerWorld) -> None:
    for _ in range(5):
        await ledger.spawn()
    claims = await ledger.claim()
    assert len(claims) == 3
    await asyncio.gather(*(ledger.finish(claim) for claim in claims))
    assert len(await ledger.claim()) == 2


@pytest.mark.parametrize("state", ["blocked", "pending", "active"])
async def test_cancel_works_in_every_state(ledger: LedgerWorld, state: str) -> None:
    for _ in range(3 if state == "blocked" else 0):
        await ledger.spawn()
    agent = await ledger.spawn()
    claims = await ledger.claim() if state == "active" else []
    assert await ledger.status(agent) == state
    await ledger.workflows.cancel(agent, await ledger.wish(BOB))
    if claims:
        keys = [claim.key for claim in claims]
        assert await ledger.worker("w1").leases.cancelled(keys) == set(keys)
        await ledger.finish(claims[0], Ending(Halt.CANCEL, AgentResult(success=False)))
    assert await ledger.status(agent) is Status.CANCELLED
    assert await ledger.told(agent) == ["request.ended"]
    with pytest.raises(StaleMove):
        await ledger.workflows.cancel(agent, await ledger.wish(BOB))


async def test_a_result_that_comes_after_the_cancel_does_not_undo_it(ledger: LedgerWorld) -> None:
    agent = await ledger.spawn()
    [claim] = await ledger.claim()
    await ledger.workflows.cancel(agent, await ledger.wish())
    assert await ledger.finish(claim) is Status.CANCELLED


async def test_an_overloaded_api_is_tried_again_later_and_not_for_ever(ledger: LedgerWorld) -> None:
    agent = await ledger.spawn()
    overloaded = Ending(None, AgentResult(success=False, cause=Cause.OVERLOADED))
    for _ in range(2):
        [claim] = await ledger.claim()
        assert await ledger.finish(claim, overloaded) is Status.PENDING
        assert await ledger.claim() == []
        await ledger.pass_time(600)
    [claim] = await ledger.claim()
    assert claim.attempt == 3
    assert await ledger.finish(claim, overloaded) is Status.FAILED
    assert await ledger.told(agent) == ["request.ended"]


async def test_other_failures_are_not_tried_again(ledger: LedgerWorld) -> None:
    agent = await ledger.spawn()
    [claim] = await ledger.claim()
    ending = Ending(None, AgentResult(success=False, cause=Cause.BUDGET))
    assert await ledger.finish(claim, ending) is Status.FAILED
    assert await ledger.told(agent) == ["request.ended"]


async def test_retry_is_a_new_request_with_a_new_attempt(ledger: LedgerWorld) -> None:
    agent = await ledger.spawn()
    [claim] = await ledger.claim()
    await ledger.finish(claim, Ending(Halt.TIMEOUT, AgentResult(success=False)))
    await ledger.mending.retry(agent, await ledger.wish())
    with pytest.raises(StaleMove):
        await ledger.mending.retry(agent, await ledger.wish())
    [second] = await ledger.claim()
    assert second.attempt == 2
    assert await ledger.finish(second) is Status.COMPLETED
    assert await ledger.told(agent) == ["request.ended", "request.ended"]
    assert await ledger.outcomes(agent) == ["failed", "completed"]


async def test_unknown_agents_are_not_found(ledger: LedgerWorld) -> None:
    with pytest.raises(NotFound):
        await ledger.workflows.cancel(99, await ledger.wish())


async def test_a_handed_over_agent_goes_on_elsewhere_without_counting_a_failure(
    ledger: LedgerWorld,
) -> None:
    agent = await ledger.spawn()
    [claim] = await ledger.claim()
    ending = Ending(Halt.HANDOVER, AgentResult(success=False))
    assert await ledger.finish(claim, ending) is Status.PENDING
    [second] = await ledger.claim("w2")
    assert second.attempt == 2
    assert await ledger.finish(second, worker="w2") is Status.COMPLETED
    assert await ledger.told(agent) == ["request.ended"]
