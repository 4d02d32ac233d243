"""Whose turn it is to be told: every place has its turn, however much another one has to hear."""

from collections import Counter

import pytest
from sqlalchemy import update

from engine.models import Workflow
from engine.outbox import TRY_AGAIN, Outbox
from tests.ledger.conftest import LedgerWorld

BUSY, OTHER = "T1/C1", "T1/C2"


async def elsewhere(ledger: LedgerWorld, thread: str) -> int:
    """A workflow in the other place."""
    await ledger.spawn(thread=thread)
    moving = update(Workflow).where(Workflow.thread == thread).values(place=OTHER)
    async with ledger.db.writing() as session:
        return (await session.execute(moving.returning(Workflow.id))).scalar_one()


async def finished(ledger: LedgerWorld) -> None:
    """Everything that can run has ended, so that there is a notice in each thread."""
    while claims := await ledger.claim():
        for claim in claims:
            await ledger.finish(claim)


async def test_a_place_with_many_threads_does_not_hold_back_another(ledger: LedgerWorld) -> None:
    for number in range(60):
        await ledger.spawn(thread=f"busy-{number}")
    last = await elsewhere(ledger, "calm")
    await finished(ledger)
    due = await ledger.outbox.due(20, 12)
    assert list(due)[1] == last
    assert Counter(due.values()) == {BUSY: 12, OTHER: 1}


async def test_a_place_that_has_enough_to_do_is_passed_over(ledger: LedgerWorld) -> None:
    await ledger.spawn(thread="busy")
    last = await elsewhere(ledger, "calm")
    assert await ledger.outbox.due(20, full=[BUSY]) == {last: OTHER}


async def test_where_nothing_can_be_posted_cards_are_still_edited(ledger: LedgerWorld) -> None:
    await ledger.spawn(thread="new")
    posted = await elsewhere(ledger, "posted")
    assert await ledger.outbox.due(20, quiet=[BUSY, OTHER]) == {}
    delivery = await ledger.outbox.take(posted)
    assert delivery is not None
    await ledger.outbox.card_posted(delivery, {"ts": "1"}, "posted")
    await ledger.outbox.release(delivery)
    async with ledger.db.writing() as session:
        await session.execute(update(Workflow).values(version=Workflow.version + 1))
    assert await ledger.outbox.due(20, quiet=[BUSY, OTHER]) == {posted: OTHER}
    await finished(ledger)  # the notice comes before the card
    assert await ledger.outbox.due(20, quiet=[BUSY, OTHER]) == {}


async def test_without_leave_to_edit_cards_wait_and_nothing_else_does(ledger: LedgerWorld) -> None:
    edited, told = await elsewhere(ledger, "edited"), await elsewhere(ledger, "told")
    for flow in (edited, told):
        delivery = await ledger.outbox.take(flow)
        assert delivery is not None
        await ledger.outbox.card_posted(delivery, {"ts": "1"}, f"t{flow}")
        await ledger.outbox.release(delivery)
    await ledger.spawn(thread="new")
    async with ledger.db.writing() as session:
        await session.execute(update(Workflow).values(version=Workflow.version + 1))
    assert set(await ledger.outbox.due(20)) == {edited, told, told + 1}
    assert len(await ledger.outbox.due(20, edits=1)) == 2
    assert set(await ledger.outbox.due(20, edits=0)) == {told + 1}
    await finished(ledger)  # all of them, and each has a notice now
    assert edited in await ledger.outbox.due(20, edits=0)


async def park(outbox: Outbox, workflow: int) -> None:
    delivery = await outbox.take(workflow)
    assert delivery is not None
    await outbox.park(delivery, "is_archived")


async def tell_apart(outbox: Outbox, workflow: int) -> None:
    delivery = await outbox.take(workflow)
    assert delivery is not None
    assert [each.notice.name for each in delivery.notices] == []
    [apart] = delivery.apart
    assert apart.notice.name == "thread.silenced"
    await outbox.delivered(delivery, apart.notice, {"ts": "1"})
    await outbox.put_back(delivery)


@pytest.mark.parametrize("again", ["after a while", "when there is reason to"])
async def test_what_is_parked_is_told_apart_once_and_tried_again(
    ledger: LedgerWorld, again: str
) -> None:
    outbox = ledger.outbox
    for thread in ("a", "b"):
        await ledger.spawn(thread=thread)
    first, second = await outbox.due(20)
    for workflow in (first, second):
        await park(outbox, workflow)
        await tell_apart(outbox, workflow)
    await park(outbox, first)  # tried, in vain: the other one needs not be tried now
    assert await outbox.due(20) == {}
    assert dict(await outbox.parked()) == {first: "is_archived", second: "is_archived"}
    if again == "after a while":
        await ledger.pass_time(TRY_AGAIN + 0.5)
        assert list(await outbox.due(20)) == [second]  # one of the place, and another each time
        await ledger.pass_time(1)
    else:
        await outbox.reopen(BUSY)
    assert set(await outbox.due(20)) == {first, second}
    delivery = await outbox.take(second)
    assert delivery is not None
    assert (delivery.parked, delivery.apart) == ("is_archived", ())
    await outbox.release(delivery)
    assert dict(await outbox.parked()) == {first: "is_archived"}
    assert first in await outbox.due(20)
