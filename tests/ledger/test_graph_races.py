"""Several workers and several people at the same graph, at the same moment (PostgreSQL)."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import pytest
from sqlalchemy import func, select

from engine.dag import GateSpec, NodeSpec, WorkflowSpec
from engine.decisions import Decided
from engine.errors import NotFound, StaleMove
from engine.leases import Claim
from engine.models import Event, Node, Request, Run
from engine.models import Inquiry as InquiryRow
from engine.notices import Opened
from engine.settings import async_url
from engine.spec import AgentSpec
from engine.states import TERMINAL, Decision, InquiryStatus
from engine.store import Database
from engine.votes import Click, Inquiry
from tests.ledger.conftest import ALICE, BOB, LedgerWorld, ledger_of
from tests.ledger.story import Story, bad, good

ROUNDS = 100
LANES = 60
pytestmark = pytest.mark.parametrize("database_kind", ["postgresql"])


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
    story = Story(worlds[0], thread="t")
    spec = WorkflowSpec("wide", _lanes(), most_nodes=1_000)
    await story.decide(Decision.APPROVE, await story.plan(spec), ALICE)
    keys = {number: key for key, number in (await story.ids()).items()}
    held: list[Claim] = []
    for number in range(ROUNDS):
        gate = await _gate(worlds[0])
        mine, held = held[:3], held[3:]
        done = await asyncio.gather(
            *(_ends(world, claim, number) for world, claim in zip(worlds, mine, strict=False)),
            *(_claims(world) for world in worlds[:2]),
            *(_decides(worlds[who], gate, keys, number) for who in (1, 2)),
            _cancels(worlds[2], min(keys) + 2 * number),
            _delivers(worlds[number % 3], story.workflow),
            return_exceptions=True,
        )
        assert [each for each in done if isinstance(each, BaseException)] == []
        held += [claim for each in done if each for claim in each]  # type: ignore[union-attr]
    await _rest(worlds[0], story, held)
    await _nothing_is_double(worlds[0])


def _lanes() -> tuple[NodeSpec, ...]:
    """Many pairs of agents, one after the other; every third with a gate between them."""
    nodes: list[NodeSpec] = []
    for lane in range(LANES):
        gated = lane % 3 == 0
        nodes.append(NodeSpec(f"a{lane}", AgentSpec("a", repo="shop")))
        if gated:
            nodes.append(NodeSpec(f"g{lane}", GateSpec(), (f"a{lane}",)))
        needs = (f"g{lane}" if gated else f"a{lane}",)
        nodes.append(NodeSpec(f"b{lane}", AgentSpec("b", repo="shop"), needs))
    return tuple(nodes)


async def _gate(world: LedgerWorld) -> InquiryRow | None:
    """The gate that waits longest."""
    waiting = select(InquiryRow).where(InquiryRow.status == InquiryStatus.OPEN)
    async with world.db.reading() as session:
        return (await session.scalars(waiting.order_by(InquiryRow.id).limit(1))).first()


async def _ends(world: LedgerWorld, claim: Claim, number: int) -> None:
    """A worker reports; now and then a failure."""
    ending = bad("work") if number % 7 == 0 else good("work", claim.attempt)
    await world.worker("w").close(claim, ending)


async def _claims(world: LedgerWorld) -> list[Claim]:
    return await world.worker("w").leases.claim(2, ["shop"])


async def _decides(
    world: LedgerWorld, gate: InquiryRow | None, keys: dict[int, str], number: int
) -> None:
    """Somebody decides about a gate; who comes too late is told so."""
    if gate is None or gate.node_id is None:
        return
    back = Decision.SEND_BACK if number % 5 == 0 else Decision.APPROVE
    click = Click(gate.id, gate.revision, back, "again", f"a{keys[gate.node_id][1:]}")
    with suppress(StaleMove):
        await world.decisions.decide(click, await world.wish(ALICE))


async def _cancels(world: LedgerWorld, node: int) -> None:
    with suppress(StaleMove, NotFound):
        await world.workflows.cancel(node, await world.wish())


async def _delivers(world: LedgerWorld, workflow: int) -> None:
    """What is to be told is told."""
    delivery = await world.outbox.take(workflow)
    if delivery is None:
        return
    for each in delivery.notices[:2]:
        await world.outbox.sending(delivery, each.notice)
        await world.outbox.delivered(delivery, each.notice, {"ts": "1"})
    await world.outbox.release(delivery)


async def _rest(world: LedgerWorld, story: Story, held: list[Claim]) -> None:
    """Whatever is left is done by one worker."""
    for _ in range(1_000):
        for claim in held:
            await world.worker("w").close(claim, good("rest", claim.attempt))
        held = await world.worker("w").leases.claim(50, ["shop"])
        gate = await _gate(world)
        if gate is not None:
            click = Click(gate.id, gate.revision, Decision.REJECT)
            await world.decisions.decide(click, await world.wish(ALICE))
        elif not held:
            break
    assert {node.status for node in await story.nodes()} <= TERMINAL


async def _nothing_is_double(world: LedgerWorld) -> None:
    async with world.db.reading() as session:
        ended = select(func.count()).where(Request.ended_at.is_not(None))
        told = select(func.count()).where(Event.name.in_(("request.ended", "workflow.ended")))
        every = await session.scalar(select(func.count(Request.id)))
        assert await session.scalar(ended) == await session.scalar(told) == every
        runs = select(func.count(Run.attempt)).where(Run.node_id == Node.id).scalar_subquery()
        assert list(await session.scalars(select(Node.id).where(Node.attempt != runs))) == []
        opened = select(Event.inquiry_id).where(Event.name == "inquiry.opened")
        asked = list(await session.scalars(opened.order_by(Event.inquiry_id)))
        assert asked == list(await session.scalars(select(InquiryRow.id).order_by(InquiryRow.id)))


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
