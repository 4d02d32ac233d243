"""A ledger that was put back takes nothing of the meantime for its own, and owns no run."""

import pytest
from sqlalchemy import func, select

from engine.dag import WorkflowSpec
from engine.decisions import Decided
from engine.errors import LostLease
from engine.executor import Step, Usage
from engine.leases import Leases, Offer
from engine.models import Audit, Event, Inquiry, Node, Worker, Workflow
from engine.notices import Closed, Opened, Restored, unpacked
from engine.restoration import NOBODY, Restoration, Returned
from engine.states import Decision, InquiryStatus, Status
from tests.ledger.conftest import BOB, LedgerWorld
from tests.ledger.story import Story, described


@pytest.fixture
def story(ledger: LedgerWorld) -> Story:
    """A workflow that is about to begin."""
    return Story(ledger)


async def restored(ledger: LedgerWorld) -> Returned:
    return await Restoration(ledger.db).carry_out(BOB)


async def test_no_number_is_given_again(ledger: LedgerWorld, story: Story) -> None:
    before = await ledger.spawn()
    await restored(ledger)
    after = await ledger.spawn()
    assert after > before + 1_000
    asked = await story.plan(WorkflowSpec("calculator", described("a")))
    assert asked.id > 1_000
    async with ledger.db.reading() as session:
        flow = await session.scalar(select(func.max(Workflow.id)))
        event = await session.scalar(select(func.max(Event.id)))
        assert (flow or 0) > 1_000
        assert (event or 0) > 1_000_000
        assert await session.scalar(select(Audit.did).where(Audit.who == BOB.id)) == "restored"
    assert (await restored(ledger)).threads == 3


async def test_what_is_to_be_told_is_looked_for_first(ledger: LedgerWorld) -> None:
    await ledger.spawn()
    [claim] = await ledger.claim()
    await ledger.finish(claim)
    [flow] = await ledger.outbox.due(10)
    frozen = await ledger.outbox.take(flow)
    assert frozen is not None
    assert [each.sending_at for each in frozen.notices] == [None]
    found = await restored(ledger)
    assert (found.threads, found.runs, found.asked) == (0, 0, 0)
    taken = await ledger.outbox.take(flow)
    assert taken is not None
    assert all(each.sending_at is not None for each in taken.notices)
    assert taken.tries == 1, "the card may be there, too"
    with pytest.raises(LostLease):
        await ledger.outbox.release(frozen)


async def test_a_run_belongs_to_nobody_and_is_gone_on_with(ledger: LedgerWorld) -> None:
    agent = await ledger.spawn()
    survivor = ledger.worker("w1")
    await survivor.leases.register(Offer(1, ("shop",), "test", 1, 1.0))
    [claim] = await ledger.claim("w1")
    assert (await restored(ledger)).runs == 1
    with pytest.raises(LostLease):
        await survivor.step(claim, Step("Edit", "a.py"), Usage())
    async with ledger.db.reading() as session:
        assert (await session.scalars(select(Worker.id))).all() == []
    await Leases(ledger.db, "w2", "another host", 60.0).register(Offer(1, (), "test", 1, 1.0))
    assert len(await ledger.take_over("w2")) == 1
    [second] = await ledger.claim("w2")
    assert await ledger.finish(second, worker="w2") is Status.COMPLETED
    assert await ledger.outcomes(agent) == ["lost", "completed"]


async def test_what_was_asked_is_asked_anew_and_the_old_buttons_decide_nothing(
    story: Story,
) -> None:
    await story.begin("a; ?g: a")
    await story.do("a")
    [asked] = await story.open()
    assert (await restored(story.ledger)).asked == 1
    with pytest.raises(Decided):
        await story.decide(Decision.APPROVE, asked)
    [again] = await story.open()
    assert (again.id, again.revision) == (asked.id, asked.revision + 100)
    async with story.ledger.db.reading() as session:
        waiting = select(Event).where(Event.workflow_id == story.workflow).order_by(Event.id)
        told = [unpacked(e.name, e.data) for e in await session.scalars(waiting) if e.notify]
    note, closed, opened = told[-3:]
    assert isinstance(note, Restored)
    assert isinstance(closed, Closed)
    assert (closed.inquiry.revision, closed.inquiry.status) == (1, InquiryStatus.WITHDRAWN)
    assert isinstance(opened, Opened)
    assert opened.inquiry.revision == again.revision
    await story.decide(Decision.APPROVE)
    assert (await story.open()) == []


async def test_what_stands_for_the_skipped_numbers_asks_and_tells_nothing(
    ledger: LedgerWorld,
) -> None:
    await restored(ledger)
    assert not await ledger.outbox.due(10)
    assert await ledger.claim() == []
    async with ledger.db.reading() as session:
        [node] = await session.scalars(select(Node))
        assert node.status is Status.CANCELLED
        assert (await session.scalars(select(Inquiry.status))).all() == ["withdrawn"]
        assert (await session.scalars(select(Workflow.place))).all() == [NOBODY]
