"""Money: what a run may cost of what it shares with others, on both databases."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
from sqlalchemy import select

from engine import purses
from engine.budgets import Budgets, Gauge, OutOfBudget
from engine.dag import NodeSpec, WorkflowSpec
from engine.errors import InvalidSpec, LostLease
from engine.executor import AgentResult, Step, Usage
from engine.leases import Claim
from engine.matters import Budget, Whose
from engine.models import Event, Purse, Run
from engine.notices import Nearing, unpacked
from engine.purses import DAY, raise_budget
from engine.runs import Ending
from engine.settings import Limits
from engine.spec import AgentSpec, Person
from engine.states import Cause, Decision, Status
from engine.store import Database
from engine.verdicts import Halt
from engine.workflows import Workflows
from tests.ledger.conftest import ALICE, BOB, LedgerWorld, ledger_of
from tests.ledger.story import Story

SECONDS = 60.0
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
    async with asyncio.timeout(SECONDS):
        while sum(task.done() for task in waiting) < len(waiting) - 3:
            await asyncio.wait(
                [task for task in waiting if not task.done()], return_when=asyncio.FIRST_COMPLETED
            )
    done, late = await asyncio.wait(waiting, timeout=0.5)
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


async def over(story: Story, key: str, dollars: str) -> Budget:
    """A step stops because of its budget; gives what people are asked, and asks it."""
    claim, usage = await held(story, key), Usage(cost=Decimal(dollars))
    matter = await budgets(story.ledger).asks(claim, usage)
    failed = AgentResult(success=False, cause=Cause.BUDGET, usage=usage)
    assert await story.end(key, Ending(None, failed, asks=matter)) is Status.WAITING
    return matter


async def more(ledger: LedgerWorld, matter: Budget) -> None:
    """Somebody lets a purse hold more."""
    async with ledger.db.writing() as session:
        await raise_budget(session, matter)


async def spends(ledger: LedgerWorld, claim: Claim, dollars: str) -> None:
    """A run has used so much, and its worker looks at the budgets."""
    runs = ledger.worker("w1")
    await runs.used(claim, Usage(cost=Decimal(dollars)))
    await budgets(ledger).look(claim)


async def noted(ledger: LedgerWorld) -> list[tuple[int, str, int]]:
    """Of which budgets people were told that they are nearly used up, and in whose thread."""
    mine = select(Event).where(Event.name == "budget.nearing", Event.notify).order_by(Event.id)
    async with ledger.db.reading() as session:
        facts = [unpacked(event.name, event.data) for event in await session.scalars(mine)]
    found = [fact for fact in facts if isinstance(fact, Nearing)]
    return [(fact.agent.id, fact.whose.value, int(fact.budget)) for fact in found]


async def test_the_attempts_of_an_agent_share_its_budget(limited: Limited) -> None:
    ledger = limited(budget_usd=5)
    await ledger.spawn()
    given = []
    for _ in range(3):
        [claim] = await ledger.claim()
        given.append(await reserve(ledger, claim))
        used = AgentResult(success=False, usage=Usage(cost=Decimal(2)))
        await ledger.finish(claim, Ending(Halt.HANDOVER, used))
    assert given == [5, 3, 1]
    [claim] = await ledger.claim()
    with pytest.raises(OutOfBudget, match=r"own budget is used up: \$6.00 of \$5.00"):
        await reserve(ledger, claim)
    asked = await budgets(ledger).asks(claim, Usage())
    assert asked == Budget(
        f"agent:{claim.agent_id}", Whose.AGENT, Decimal(5), Decimal(6), Decimal(6)
    )
    await more(ledger, asked)
    assert await reserve(ledger, claim) == 5


async def test_an_agent_that_is_let_begin_again_has_its_whole_budget(limited: Limited) -> None:
    story = await begun(limited(budget_usd=5), "a", 20)
    matter = await over(story, "a", "5.20")
    await more(story.ledger, matter)
    await story.cancel("a")
    await story.retry("a")
    assert await story.claim() == {"a"}
    assert await reserve(story.ledger, await held(story, "a")) == 5
    again = await over(story, "a", "5")
    assert again.budget == again.spent == 5
    assert again.purse != matter.purse


async def test_a_raise_of_the_workflow_is_for_all_its_steps(limited: Limited) -> None:
    story = await begun(limited(budget_usd=5), "abc", 6)
    await reserve(story.ledger, await held(story, "a"))
    await story.end("a", costing("4"))
    assert await reserve(story.ledger, await held(story, "b")) == 2
    matter = await over(story, "b", "2.50")
    assert matter.whose is Whose.WORKFLOW
    assert [matter.budget, matter.spent, matter.more] == [6, Decimal("6.50"), Decimal("6.50")]
    with pytest.raises(OutOfBudget) as refused:
        await reserve(story.ledger, await held(story, "c"))
    assert refused.value.purse.key == matter.purse
    await more(story.ledger, matter)
    assert await reserve(story.ledger, await held(story, "c")) == 5


async def test_what_others_hold_counts_as_spent_for_who_has_nothing_left(limited: Limited) -> None:
    story = await begun(limited(budget_usd=5), "ab", 7)
    await reserve(story.ledger, await held(story, "a"))
    assert await reserve(story.ledger, await held(story, "b")) == 2
    matter = await over(story, "b", "2")
    assert matter.whose is Whose.WORKFLOW
    assert matter.budget == matter.spent == 7


async def test_a_person_may_spend_more_for_a_day(limited: Limited) -> None:
    ledger = limited(budget_usd=5, daily_budget_usd=4)
    await ledger.spawn()
    [claim] = await ledger.claim()
    assert await reserve(ledger, claim) == 4
    matter = await budgets(ledger).asks(claim, Usage(cost=Decimal(4)))
    assert matter == Budget("person:U1", Whose.PERSON, Decimal(4), Decimal(4), Decimal(4))
    await more(ledger, matter)
    await more(ledger, matter)
    await ledger.finish(claim, costing("4"))
    first, second = await claimed(ledger, 2)
    assert await reserve(ledger, first) == 5
    assert await reserve(ledger, second) == 3
    await ledger.finish(first, costing("0"))
    await ledger.finish(second, costing("0"))
    await ledger.pass_time(DAY + 1)
    [later] = await claimed(ledger, 1)
    assert await reserve(ledger, later) == 4
    await more(ledger, matter)  # what was added the day before does not come back
    await ledger.finish(later, costing("0"))
    first, second = await claimed(ledger, 2)
    assert [await reserve(ledger, first), await reserve(ledger, second)] == [5, 3]


async def claimed(ledger: LedgerWorld, number: int) -> list[Claim]:
    """New agents of one person that a worker has taken."""
    for _ in range(number):
        await ledger.spawn()
    return await ledger.claim()


async def test_each_of_many_raises_at_once_counts(limited: Limited) -> None:
    ledger = limited(daily_budget_usd=4)
    matter = Budget("person:U1", Whose.PERSON, Decimal(4), Decimal(4), Decimal("0.50"))
    await asyncio.gather(*(more(ledger, matter) for _ in range(10)))
    async with ledger.db.reading() as session:
        assert (await session.get_one(Purse, "person:U1")).raised == 5


async def test_people_are_told_once_when_a_budget_is_nearly_used_up(limited: Limited) -> None:
    ledger = limited(budget_usd=5)
    [claim] = await claimed(ledger, 1)
    await reserve(ledger, claim)
    for dollars in ("1", "3.99"):
        await spends(ledger, claim, dollars)
    assert await noted(ledger) == []
    for dollars in ("4", "4.50", "4.90"):
        await spends(ledger, claim, dollars)
    assert await noted(ledger) == [(claim.agent_id, "agent", 5)]
    await spends(ledger, claim, "5")
    await more(ledger, await budgets(ledger).asks(claim, Usage(cost=Decimal(5))))
    await spends(ledger, claim, "7.99")
    assert len(await noted(ledger)) == 1
    await spends(ledger, claim, "8")
    assert await noted(ledger) == [(claim.agent_id, "agent", 5), (claim.agent_id, "agent", 10)]


async def test_what_is_used_up_at_once_is_asked_and_not_noted(limited: Limited) -> None:
    ledger = limited(budget_usd=5)
    [claim] = await claimed(ledger, 1)
    await spends(ledger, claim, "5.10")
    assert await noted(ledger) == []


async def test_two_runs_that_use_up_a_budget_together_tell_it_once(limited: Limited) -> None:
    ledger = limited(budget_usd=5, daily_budget_usd=10, per_user=20)
    claims = await claimed(ledger, 8)
    runs = ledger.worker("w1")
    await asyncio.gather(*(runs.used(claim, Usage(cost=Decimal(1))) for claim in claims))
    await asyncio.gather(*(budgets(ledger).look(claim) for claim in claims))
    [(_, whose, budget)] = await noted(ledger)
    assert (whose, budget) == ("person", 10)
    for claim in claims:
        await ledger.finish(claim, costing("1"))
    await ledger.pass_time(DAY + 1)
    [first, second] = await claimed(ledger, 2)
    await spends(ledger, first, "3.90")
    await spends(ledger, second, "3.90")
    await ledger.finish(first, costing("4.50"))
    await spends(ledger, second, "3.95")
    assert [whose for _, whose, _ in await noted(ledger)] == ["person", "person"]


async def test_the_workflow_is_told_of_in_the_thread_of_who_used_it(limited: Limited) -> None:
    story = await begun(limited(budget_usd=50), "ab", 10)
    claim = await held(story, "b")
    await spends(story.ledger, claim, "9")
    assert await noted(story.ledger) == [(claim.agent_id, "workflow", 10)]
    assert (await story.names())[-1] == "budget.nearing"


async def test_a_worker_that_lost_its_lease_tells_nothing(limited: Limited) -> None:
    ledger = limited(budget_usd=5)
    [claim] = await claimed(ledger, 1)
    await ledger.worker("w1").used(claim, Usage(cost=Decimal("4.50")))
    await ledger.finish(claim, costing("4.50"))
    with pytest.raises(LostLease):
        await budgets(ledger).look(claim)
    assert await noted(ledger) == []


def test_a_run_is_looked_at_fifty_times_at_most() -> None:
    gauge = Gauge(Decimal(5))
    assert sum(gauge.due(Decimal(n) / 200) for n in range(1001) for _ in range(3)) == 50
    assert not Gauge().due(Decimal(5))


@pytest.mark.parametrize(
    ("amounts", "shown", "added"),
    [  # given by the setting, spent, held by others, raised
        (("5", "5", "0", "0"), "5", "5"),
        (("5", "5.20", "0", "0"), "5.20", "5.20"),
        (("5", "10.000034", "0", "5"), "10.000034", "5.01"),
        (("0.30", "0.30", "0", "0"), "0.30", "1"),
        (("8", "4", "4", "0"), "8", "8"),
        (("8", "9", "3", "0"), "9", "9"),
    ],
)
def test_an_approval_adds_what_is_overspent_and_the_same_again(
    amounts: tuple[str, ...], shown: str, added: str
) -> None:
    asked = purses.Purse("agent:1", Whose.AGENT, "", *map(Decimal, amounts)).matter()
    assert (asked.spent, asked.more) == (Decimal(shown), Decimal(added))


async def test_many_who_wait_for_one_budget_are_raised_at_once(limited: Limited) -> None:
    ledger = limited(budget_usd=5, daily_budget_usd=6)
    stories = [await begun(ledger, "a", None) for _ in range(6)]
    for story in stories:
        await budgets(ledger).asks(await held(story, "a"), Usage(cost=Decimal(1)))
    matters = [await over(story, "a", "1") for story in stories]
    assert {matter.purse for matter in matters} == {"person:U1"}
    busy = await begun(ledger, "a", None)
    beside = await held(busy, "a")
    async with asyncio.timeout(SECONDS):
        await asyncio.gather(
            *(story.decide(Decision.APPROVE) for story in stories),
            *(spends(ledger, beside, f"0.0{n}") for n in range(1, 9)),
        )
    assert [await story.open() for story in stories] == [[]] * 6
    async with ledger.db.reading() as session:
        assert (await session.get_one(Purse, "person:U1")).raised == 36
    claims = await ledger.claim()
    amounts = await asyncio.gather(*(reserve(ledger, claim) for claim in claims))
    assert amounts == [4] * 6  # what is left of each one's own budget
