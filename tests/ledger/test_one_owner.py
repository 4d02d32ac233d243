"""Each guard by itself: of a run, of a pending agent, of a command, of a thread."""

import asyncio

import pytest
from sqlalchemy import select

from engine.commands import Settled, settle
from engine.errors import LostLease
from engine.executor import AgentResult, Step, Usage
from engine.models import Node
from engine.outbox import Outbox
from engine.runs import Ending
from engine.states import Status
from engine.verdicts import Halt
from tests.ledger.conftest import LedgerWorld

STEP = Step("Edit", "a.py")


async def test_a_word_of_an_earlier_attempt_is_refused_to_the_worker_of_the_later_one(
    ledger: LedgerWorld,
) -> None:
    agent = await ledger.spawn()
    [early] = await ledger.claim("w1")
    await ledger.pass_time(61)
    await ledger.take_over("w2")
    [later] = await ledger.claim("w1")
    with pytest.raises(LostLease):
        await ledger.worker("w1").step(early, STEP, Usage(turns=9))
    with pytest.raises(LostLease):
        await ledger.finish(early, worker="w1")
    assert await ledger.status(agent) is Status.ACTIVE
    assert await ledger.finish(later, worker="w1") is Status.COMPLETED


async def test_between_take_over_and_its_end_only_the_new_owner_is_heard(
    ledger: LedgerWorld,
) -> None:
    agent = await ledger.spawn()
    [claim] = await ledger.claim("w1")
    await ledger.pass_time(61)
    [lost] = await ledger.worker("w2").leases.take_over(10, [])
    late = ledger.worker("w1")
    assert await late.leases.renew({claim.key}) == set()
    with pytest.raises(LostLease):
        await late.step(claim, STEP, Usage())
    with pytest.raises(LostLease):
        await ledger.finish(claim, worker="w1")
    await ledger.finish(lost, Ending(Halt.LOST, AgentResult(success=False)), "w2")
    assert await ledger.outcomes(agent) == ["lost"]


async def test_nothing_is_said_about_a_run_that_has_ended(ledger: LedgerWorld) -> None:
    agent = await ledger.spawn()
    [claim] = await ledger.claim("w1")
    await ledger.finish(claim)
    assert await ledger.worker("w1").leases.renew({claim.key}) == set()
    with pytest.raises(LostLease):
        await ledger.worker("w1").step(claim, STEP, Usage())
    with pytest.raises(LostLease):
        await ledger.finish(claim)
    assert await ledger.told(agent) == ["request.ended"]


@pytest.mark.parametrize("database_kind", ["postgresql"], indirect=True)
async def test_who_claims_passes_over_what_another_is_about_to_take(ledger: LedgerWorld) -> None:
    first, second = await ledger.spawn(), await ledger.spawn()
    async with ledger.db.writing() as session:
        await session.execute(select(Node.id).where(Node.id == first).with_for_update())
        claiming = asyncio.create_task(ledger.claim("w2", free=1))
        done, _ = await asyncio.wait({claiming}, timeout=30)
        assert done, "it waits for a lock in place of taking the next one"
    assert [claim.agent_id for claim in await claiming] == [second]
    assert [claim.agent_id for claim in await ledger.claim("w1", free=1)] == [first]


async def test_a_command_has_its_effect_once(ledger: LedgerWorld) -> None:
    wish = await ledger.wish()
    async with ledger.db.writing() as session:
        await settle(session, wish.key)
    with pytest.raises(Settled):
        async with ledger.db.writing() as session:
            await settle(session, wish.key)


async def test_a_thread_is_spoken_in_by_one(ledger: LedgerWorld) -> None:
    await ledger.spawn()
    outboxes = [Outbox(ledger.db, f"bot-{n}") for n in range(4)]
    [flow] = await outboxes[0].due(10)
    taken = await asyncio.gather(*(outbox.take(flow) for outbox in outboxes))
    assert sum(delivery is not None for delivery in taken) == 1


async def test_who_was_replaced_in_a_thread_records_nothing_there(ledger: LedgerWorld) -> None:
    await ledger.spawn()
    [claim] = await ledger.claim()
    await ledger.finish(claim)
    frozen, other = Outbox(ledger.db, "bot-1"), Outbox(ledger.db, "bot-2")
    [flow] = await frozen.due(10)
    late = await frozen.take(flow)
    assert late is not None
    await ledger.pass_time(31)
    taken = await other.take(flow)
    assert taken is not None
    [told] = late.notices
    with pytest.raises(LostLease):
        await frozen.sending(late, told.notice)
    with pytest.raises(LostLease):
        await frozen.card_posted(late, {"ts": "1"}, "1")
    with pytest.raises(LostLease):
        await frozen.delivered(late, told.notice, {"ts": "2"})
    await other.release(taken)
    again = await other.take(flow)
    assert again is not None
    assert (again.receipt, [each.notice.id for each in again.notices]) == ({}, [told.notice.id])
