"""Several workers and several people at the same graph, at the same moment (PostgreSQL)."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import func, select

from engine.decisions import Decided
from engine.errors import StaleMove
from engine.leases import Claim
from engine.matters import Click, Inquiry
from engine.models import Event, Node, Request
from engine.models import Inquiry as InquiryRow
from engine.notices import Opened
from engine.settings import async_url
from engine.spec import Person
from engine.states import TERMINAL, Decision, InquiryStatus
from engine.store import Database
from tests.ledger.conftest import ALICE, BOB, LedgerWorld, ledger_of
from tests.ledger.story import Story, bad, good

ROUNDS = 200
WIDE = "a; b: a; c: a; d: a; ?g: a; ?h: a; e: b c d; f: g e; i: h b"
pytestmark = [
    pytest.mark.parametrize("database_kind", ["postgresql"]),
    pytest.mark.timeout(180),
]


@pytest.fixture
async def worlds(database_url: str, tmp_path: Path) -> AsyncIterator[list[LedgerWorld]]:
    """Several processes' view of one ledger."""
    found = [ledger_of(Database.connect(async_url(database_url)), tmp_path, 50) for _ in range(3)]
    yield found
    for world in found:
        await world.db.close()


async def test_everything_at_once_neither_deadlocks_nor_happens_twice(
    worlds: list[LedgerWorld],
) -> None:
    for number in range(ROUNDS):
        await _round(worlds, number)
    [world, *_] = worlds
    async with world.db.reading() as session:
        ended = select(func.count()).where(Request.ended_at.is_not(None))
        told = select(func.count()).where(Event.name.in_(("request.ended", "workflow.ended")))
        assert await session.scalar(ended) == await session.scalar(told)
        still = select(func.count()).where(Node.status.not_in(TERMINAL))
        assert await session.scalar(still) == 0
        opened = select(Event.inquiry_id).where(
            Event.name == "inquiry.opened", Event.inquiry_id.is_not(None)
        )
        asked = list(await session.scalars(opened.order_by(Event.inquiry_id)))
        assert asked == list(await session.scalars(select(InquiryRow.id).order_by(InquiryRow.id)))


async def _round(worlds: list[LedgerWorld], number: int) -> None:
    """A graph that is torn at from all sides until nothing is left of it."""
    story = Story(worlds[0], thread=f"t{number}")
    await story.begin(WIDE)
    await story.do("a")
    ids = await story.ids()
    claims = [(worlds[0], claim) for claim in await worlds[0].claim(free=2)]
    asked = await story.open()
    assert len(asked) == 2
    done = await asyncio.gather(
        *(_ended(world, claim, number) for world, claim in claims),
        *(_works(world, number) for world in worlds),
        *(
            _decides(world, asked, by, number)
            for world, by in zip(worlds, (ALICE, BOB), strict=False)
        ),
        _cancels(worlds[2], ids["i" if number % 2 else "d"]),
        _cancels(worlds[1], ids["f"]),
        _delivers(worlds[2], story.workflow),
        _delivers(worlds[1], story.workflow),
        worlds[1].workflows.admit(),
        return_exceptions=True,
    )
    assert [each for each in done if isinstance(each, BaseException)] == []
    await _rest(worlds[0], story)


async def _ended(world: LedgerWorld, claim: Claim, number: int) -> None:
    """A worker reports; now and then a failure."""
    await world.worker("w1").close(claim, bad("b") if number % 5 == 0 else good("b"))


async def _works(world: LedgerWorld, number: int) -> None:
    """A worker takes what there is and ends it at once."""
    name = f"w{id(world)}"
    for _ in range(2):
        claims = await world.worker(name).leases.claim(2, ["shop"])
        await asyncio.gather(
            *(world.worker(name).close(each, good("work", number)) for each in claims)
        )


async def _decides(world: LedgerWorld, asked: list[Inquiry], by: Person, number: int) -> None:
    """Somebody decides about both gates; who comes too late is told so."""
    for one in asked:
        back = number % 3 == 0 and one is asked[0]
        click = Click(
            one.id, one.revision, Decision.SEND_BACK if back else Decision.APPROVE, "", "a"
        )
        try:
            await world.decisions.decide(click, await world.wish(by))
        except StaleMove:
            continue


async def _cancels(world: LedgerWorld, node: int) -> None:
    try:
        await world.workflows.cancel(node, await world.wish())
    except StaleMove:
        return


async def _delivers(world: LedgerWorld, workflow: int) -> None:
    """What is to be told is told."""
    delivery = await world.outbox.take(workflow)
    if delivery is None:
        return
    for each in delivery.notices:
        await world.outbox.sending(delivery, each.notice)
        await world.outbox.delivered(delivery, each.notice, {"ts": "1"})
    await world.outbox.card_shown(delivery)
    await world.outbox.release(delivery)


async def _rest(world: LedgerWorld, story: Story) -> None:
    """Whatever is left is done by one worker."""
    for _ in range(30):
        await world.workflows.admit()
        for claim in await world.worker("rest").leases.claim(50, ["shop"]):
            await world.worker("rest").close(claim, good("rest", claim.attempt))
        for one in await story.open():
            await story.decide(Decision.APPROVE, one)
        if all(node.status in TERMINAL for node in await story.nodes()):
            return
    raise AssertionError(f"round of workflow {story.workflow} hangs: {await story.stands()}")


async def test_of_two_who_decide_at_the_same_instant_one_does(worlds: list[LedgerWorld]) -> None:
    story = Story(worlds[0], thread="t")
    await story.begin("a; ?g: a; b: g")
    await story.do("a")
    [asked] = await story.open()
    click = Click(asked.id, asked.revision, Decision.APPROVE)
    wishes = [await worlds[0].wish(by) for by in (ALICE, BOB)]
    done = await asyncio.gather(
        worlds[0].decisions.decide(click, wishes[0]),
        worlds[1].decisions.decide(click, wishes[1]),
        return_exceptions=True,
    )
    [decided] = [each for each in done if isinstance(each, Inquiry)]
    [late] = [each for each in done if not isinstance(each, Inquiry)]
    assert isinstance(late, Decided)
    assert late.inquiry.votes == decided.votes
    assert (decided.status, len(decided.votes)) == (InquiryStatus.DECIDED, 1)
    assert len([f for f in await story.told() if isinstance(f, Opened)]) == 2
