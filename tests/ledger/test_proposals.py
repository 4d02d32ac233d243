"""Planning agents in the ledger: whose plan it is, and what ends their work on it."""

from dataclasses import replace
from typing import Any

import pytest

from engine.decisions import Decided
from engine.executor import AgentResult
from engine.inquiries import EXPIRES
from engine.leases import Claim
from engine.matters import Plan
from engine.runs import Ending
from engine.spec import AgentSpec, Context, File
from engine.states import Decision, Status
from engine.verdicts import Halt
from tests.ledger.conftest import ALICE, BOB, LedgerWorld
from tests.ledger.story import Story

GOAL = AgentSpec("Add accounts", repo="shop")
STOPPED = Ending(Halt.CANCEL, AgentResult(success=False))


def proposal(*keys: str) -> Ending:
    """A planning agent proposes steps, one after the other."""
    nodes: list[dict[str, Any]] = [
        {"key": key, "task": f"do {key}", "needs": list(keys[number - 1 : number])}
        for number, key in enumerate(keys)
    ]
    return Ending(None, AgentResult(success=True, data={"title": "accounts", "nodes": nodes}))


@pytest.fixture
async def story(ledger: LedgerWorld) -> Story:
    """A goal that somebody wants to have planned."""
    wish = await ledger.wish(ALICE)
    agent = await ledger.plans.think(GOAL, wish)
    found = Story(ledger, thread=wish.origin.thread or "")
    found.workflow = await ledger.workflows.workflow_of(agent)
    return found


async def take(story: Story) -> Claim:
    """A worker takes the one agent that can be taken."""
    [claim] = await story.ledger.claim()
    return claim


async def say(story: Story, text: str) -> int:
    """Somebody says something to the first planning agent; gives who gets it."""
    wish = await story.ledger.wish(BOB, story.thread)
    return (await story.ledger.talk.say(1, text, wish)).agent_id


async def shown(story: Story) -> tuple[int, list[str]]:
    """The revision of the plan that waits, and its steps."""
    [asked] = await story.open()
    assert isinstance(asked.matter, Plan)
    return asked.revision, [node.key for node in asked.matter.workflow.nodes]


async def test_what_was_said_while_a_plan_was_proposed_changes_it(story: Story) -> None:
    claim = await take(story)
    await say(story, "one step only")
    await story.ledger.finish(claim, proposal("a", "b"))
    assert await shown(story) == (1, ["a", "b"])
    second = await take(story)
    assert second.agent_id == 2
    given = await story.ledger.worker("w1").given(second)
    assert "Add accounts" in given.said
    await story.ledger.finish(second, proposal("a"))
    assert await shown(story) == (2, ["a"])
    assert await story.summaries() == []


async def test_nobody_plans_on_when_the_time_of_a_plan_is_over(story: Story) -> None:
    await story.ledger.finish(await take(story), proposal("a"))
    await say(story, "other steps")
    late = await take(story)
    await story.ledger.pass_time(EXPIRES.total_seconds() + 1)
    await story.ledger.decisions.tick()
    assert await story.ledger.worker("w1").leases.cancelled([late.key]) == {late.key}
    assert await story.summaries() == []
    await story.ledger.finish(late, proposal("b"))  # it came to its end before it was told
    [summary] = await story.summaries()
    assert summary.status is Status.CANCELLED
    assert summary.reason == "nobody decided in time"
    assert await story.open() == []


async def test_a_late_proposal_does_not_touch_what_was_started(story: Story) -> None:
    await story.ledger.finish(await take(story), proposal("a"))
    await say(story, "other steps")
    late = await take(story)
    [asked] = await story.open()
    await story.decide(Decision.APPROVE, asked, ALICE)
    await story.ledger.finish(late, proposal("b"))
    assert await story.open() == []
    assert await story.stands() == {"#1": "completed", "#2": "skipped", "a": "pending"}


async def test_what_waits_for_its_turn_is_called_off_at_once(story: Story) -> None:
    await story.ledger.finish(await take(story), proposal("a"))
    await say(story, "other steps")
    [asked] = await story.open()
    await story.decide(Decision.APPROVE, asked, ALICE)
    assert await story.stands() == {"#1": "completed", "#2": "skipped", "a": "pending"}


async def test_stopping_everything_ends_the_plan_and_its_agent(story: Story) -> None:
    await story.ledger.finish(await take(story), proposal("a"))
    await say(story, "other steps")
    late = await take(story)
    await story.cancel_all()
    await story.ledger.finish(late, STOPPED)
    [summary] = await story.summaries()
    assert summary.reason == "stopped by Alice"


async def test_files_that_came_with_the_goal_reach_the_agents_that_begin(
    ledger: LedgerWorld,
) -> None:
    notes = File("notes.txt", "text/plain", b"accounts have names")
    wish = await ledger.wish(ALICE)
    await ledger.plans.think(replace(GOAL, files=(notes,), context=Context("said", 3)), wish)
    story = Story(ledger, workflow=1, thread=wish.origin.thread or "")
    await ledger.finish(await take(story), proposal("a", "b"))
    [asked] = await story.open()
    await story.decide(Decision.APPROVE, asked, ALICE)
    given = await ledger.worker("w1").given(await take(story))
    assert (given.said, given.files) == ("said", (notes,))


async def test_votes_on_a_plan_are_void_once_it_is_another(story: Story) -> None:
    await story.ledger.finish(await take(story), proposal("a"))
    [old] = await story.open()
    await say(story, "other steps")
    await story.ledger.finish(await take(story), proposal("b"))
    with pytest.raises(Decided):
        await story.decide(Decision.APPROVE, old, ALICE)
    assert await shown(story) == (2, ["b"])
