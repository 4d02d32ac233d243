"""Money: what a run may cost of what it shares with others, on both databases."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
from sqlalchemy import select

from engine.budgets import Budgets, OutOfBudget
from engine.dag import NodeSpec, WorkflowSpec
from engine.errors import InvalidSpec, LostLease
from engine.executor import AgentResult, Step, Usage
from engine.leases import Claim
from engine.models import Run
from engine.runs import Ending
from engine.settings import Limits
from engine.spec import AgentSpec, Person
from engine.states import Decision
from engine.store import Database
from engine.verdicts import Halt
from engine.workflows import Workflows
from tests.ledger.conftest import ALICE, BOB, LedgerWorld, ledger_of
from tests.ledger.story import Story

SECONDS = 10.0
Limited = Callable[..., LedgerWorld]


@pytest.fixture
def limited(db: Database, tmp_path: Path) -> Limited:
    """A ledger with limits of its own."""

    def made(**limits: int) -> LedgerWorld:
        ledger = ledger_of(db, tmp_path)
        chosen = Limits.model_validate({"per_user": 20, **limits})
        settings = ledger.workflows.settings.model_copy(update={"limits": chosen})
        return replace(ledger, workflows=Workflows(db, settings))

    return made


def budgets(ledger: LedgerWorld) -> Budgets:
    """A worker's."""
    runs = ledger.worker("w1")
    return Budgets(runs.workflows, runs.leases)


async def reserve(ledger: LedgerWorld, claim: Claim) -> Decimal:
    """Have money set aside; fails when that takes long."""
    async with asyncio.timeout(SECONDS):
        return await budgets(ledger).reserve(claim)


async def waits(ledger: LedgerWorld, claim: Claim) -> asyncio.Task[Decimal]:
    """Begin to have money set aside, where there is none at the moment."""
    waiting = asyncio.create_task(budgets(ledger).reserve(claim))
    done, _ = await asyncio.wait({waiting}, timeout=0.5)
    assert not done
    return waiting


def costing(dollars: str) -> Ending:
    """An attempt that ended well and has cost this."""
    usage = Usage(cost=Decimal(dollars))
    return Ending(None, AgentResult(success=True, output="done", usage=usage))


async def begun(ledger: LedgerWorld, keys: str, budget: int | None) -> Story:
    """A workflow whose steps stand side by side."""
    story = Story(ledger)
    nodes = tuple(
        NodeSpec(key, AgentSpec(f"do {key}", repo="shop", reads_only=True)) for key in keys
    )
    spec = WorkflowSpec("w", nodes, budget=Decimal(budget) if budget else None)
    await story.decide(Decision.APPROVE, await story.plan(spec), ALICE)
    await story.claim()
    return story


async def held(story: Story, key: str) -> Claim:
    """The claim of a step."""
    return story.held[(await story.ids())[key]]


async def test_an_agent_gets_its_own_budget_where_there_is_enough(limited: Limited) -> None:
    ledger = limited(budget_usd=5)
    await ledger.spawn()
    [claim] = await ledger.claim()
    assert await reserve(ledger, claim) == 5


async def test_steps_share_the_budget_of_their_workflow(limited: Limited) -> None:
    ledger = limited(budget_usd=5)
    story = await begun(ledger, "abc", 8)
    assert await reserve(ledger, await held(story, "a")) == 5
    assert await reserve(ledger, await held(story, "b")) == 3
    waiting = await waits(ledger, await held(story, "c"))
    await story.end("a", costing("1.50"))
    assert await asyncio.wait_for(waiting, SECONDS) == Decimal("3.50")


async def test_a_workflow_without_a_budget_has_the_configured_one(limited: Limited) -> None:
    story = await begun(limited(budget_usd=5, workflow_budget_usd=6), "ab", None)
    assert await reserve(story.ledger, await held(story, "a")) == 5
    assert await reserve(story.ledger, await held(story, "b")) == 1


async def test_what_is_spent_is_not_given_again(limited: Limited) -> None:
    story = await begun(limited(budget_usd=5), "ab", 5)
    await reserve(story.ledger, await held(story, "a"))
    await story.end("a", costing("5.20"))
    with pytest.raises(OutOfBudget, match=r"the workflow's budget is used up: \$5.20 of \$5.00"):
        await reserve(story.ledger, await held(story, "b"))


async def test_what_a_lost_run_has_spent_counts_and_the_rest_is_released(limited: Limited) -> None:
    story = await begun(limited(budget_usd=5), "ab", 6)
    claim = await held(story, "a")
    await reserve(story.ledger, claim)
    runs = story.ledger.worker("w1")
    await runs.step(claim, Step("Write", "a.py"), Usage(cost=Decimal(2)))
    assert await reserve(story.ledger, await held(story, "b")) == 1
    await story.end("a", Ending(Halt.LOST, AgentResult(success=False)))
    async with story.ledger.db.reading() as session:
        run = await session.get_one(Run, claim.key)
        assert (run.cost, run.reserved) == (Decimal(2), Decimal(0))
    [again] = await story.ledger.claim()
    assert await reserve(story.ledger, again) == 3


async def test_another_workflow_of_the_thread_has_its_own_budget(limited: Limited) -> None:
    story = await begun(limited(budget_usd=5), "a", 5)
    await reserve(story.ledger, await held(story, "a"))
    await story.end("a", costing("5"))
    spec = WorkflowSpec("v", (NodeSpec("b", AgentSpec("do b", repo="shop")),), budget=Decimal(4))
    await story.decide(Decision.APPROVE, await story.plan(spec), ALICE)
    await story.claim()
    assert await reserve(story.ledger, await held(story, "b")) == 4


async def test_each_person_has_a_budget_for_a_day(limited: Limited) -> None:
    ledger = limited(budget_usd=5, daily_budget_usd=7)
    for _ in range(2):
        await ledger.spawn()
    first, second = await ledger.claim()
    await reserve(ledger, first)
    await ledger.finish(first, costing("5"))
    assert await reserve(ledger, second) == 2
    await ledger.finish(second, costing("2"))
    await ledger.spawn()
    await ledger.spawn(by=BOB)
    mine, others = await ledger.claim()
    with pytest.raises(OutOfBudget, match="within 24 hours is used up"):
        await reserve(ledger, mine)
    assert await reserve(ledger, others) == 5
    await ledger.pass_time(24 * 3600 + 1)
    assert await reserve(ledger, mine) == 5


async def test_a_worker_that_lost_its_lease_sets_nothing_aside(limited: Limited) -> None:
    ledger = limited()
    await ledger.spawn()
    [claim] = await ledger.claim()
    await ledger.finish(claim)
    with pytest.raises(LostLease):
        await reserve(ledger, claim)


async def test_many_at_once_never_set_aside_more_than_there_is(limited: Limited) -> None:
    ledger = limited(budget_usd=5, daily_budget_usd=40, workflow_budget_usd=12)
    people = [Person(f"U{n}", f"Person {n}") for n in range(3)]
    stories = [await begun(ledger, "abcd", None) for _ in people]
    claims = [claim for story in stories for claim in story.held.values()]
    waiting = [asyncio.create_task(budgets(ledger).reserve(claim)) for claim in claims]
    done, late = await asyncio.wait(waiting, timeout=2.0)
    assert sum(task.result() for task in done) == 36
    assert len(late) == 3
    for task in late:
        task.cancel()
    async with ledger.db.reading() as session:
        assert sum(await session.scalars(select(Run.reserved))) == 36


async def test_a_plan_cannot_have_more_than_is_configured(limited: Limited) -> None:
    story = Story(limited(workflow_budget_usd=10))
    spec = WorkflowSpec("w", (NodeSpec("a", AgentSpec("do a", repo="shop")),), budget=Decimal(11))
    with pytest.raises(InvalidSpec, match=r"at most \$10 here"):
        await story.plan(spec)
