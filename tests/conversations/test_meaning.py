"""Every cell of the message-meaning table, in Slack, with what people see of it."""

import asyncio

import pytest
from sqlalchemy import select

from engine import ScriptedExecutor, Status
from engine.models import Message
from engine.scripted import Hear, Wait, Write
from tests.conversations.asking import asked, begun, marked, started, taken
from tests.conversations.conftest import World, shown

pytestmark = pytest.mark.parametrize("database_kind", ["sqlite"])  # nothing here depends on it


async def nothing_new(world: World, agents: int, ephemerals: int, who: str = "you") -> None:
    """Everything was interpreted, nothing started, and nobody was told anything."""
    await taken(world)
    assert len(await world.agents()) == agents
    assert len(world.slack.ephemerals(who)) == ephemerals


async def test_while_an_agent_runs(world: World) -> None:
    executor = ScriptedExecutor({"long": [Hear(), Hear(), Hear()]})
    await world.begins(executor)
    root = await world.says("@agent work long")
    await begun(executor, 1)
    aside = await world.says("@teammate is that right?", thread=root)
    other = await world.says("use mysql", who="teammate", thread=root)
    await nothing_new(world, 1, 1)
    own = await world.says("use sqlite", thread=root)
    await world.told("you", "Agent 1 gets this at its next step")
    await world.until(lambda: marked(world, own))
    mention = await world.says("@agent and pytest", who="teammate", thread=root)
    await world.told("teammate", "Agent 1 gets this at its next step")
    await world.says("@agent status", thread=root)
    await world.told("you", "Agent 1 is working")
    named = await world.says("1: that is all", thread=root)
    await world.agent(1, Status.COMPLETED)
    assert executor.heard == ["use sqlite", "and pytest", "that is all"]
    await world.until(lambda: marked(world, own, mention, named))
    assert not any(world.slack.message(ts).reactions for ts in (root, aside, other))
    assert len(await world.agents()) == 1


async def test_after_all_have_ended(world: World) -> None:
    world.script = {"note": [Write("note.txt", "x")]}
    await world.begins()
    root = await world.says("@agent write a note")
    first = (await world.ended(1))[0]
    await world.says("@teammate look at that", thread=root)
    await world.says("1: and a title", thread=root)
    second = await world.agent(2, Status.COMPLETED)
    assert (second.branch, second.parent_id) == (first.branch, 1)
    assert second.task == "and a title"
    await world.told("you", "Agent 2 goes on with it")
    before = len(world.slack.ephemerals("you"))
    await world.says("nice", who="teammate", thread=root)
    await world.says("and a footer", thread=root)  # somebody else has joined the conversation
    await nothing_new(world, 2, before)
    await world.says("@agent and a footer", thread=root)
    third = await world.agent(3, Status.COMPLETED)
    assert (third.branch, third.parent_id) == (first.branch, 2)
    await world.says("@agent and an index", who="teammate", thread=root)
    fourth = await world.agent(4, Status.COMPLETED)
    assert (fourth.parent_id, fourth.requester.name) == (3, "teammate")
    await world.until(lambda: len(world.terminals()) == 4)
    assert {m.thread_ts for m in world.terminals()} == {root}


async def test_in_a_thread_without_an_agent(world: World) -> None:
    await world.begins()
    root = await world.says("the login is broken", who="teammate")
    await world.says("since when?", thread=root)
    await world.says("@agent workflow look: Look at it -> fix: Fix it", thread=root)
    plan = await asked(world, "Plan for w1")
    assert plan.thread_ts == root
    await world.slack.presses("you", plan, "Discard")
    await world.until(lambda: "was not started" in world.slack.thread("general", root)[-1].text)
    before = len(world.slack.ephemerals("you"))
    for who in ("you", "teammate"):
        await world.says("so what now?", who=who, thread=root)
        await world.says("@reviewer any idea?", who=who, thread=root)
    await nothing_new(world, 0, before)
    await world.says("start", thread=root)  # it was discarded
    await nothing_new(world, 0, before)
    await world.says("approve", thread=root)
    await world.told("you", "Nothing waits for a decision")
    await world.says("@agent fix the login", thread=root)
    assert (await world.agent(1, Status.COMPLETED)).origin.thread == root


async def test_while_a_question_is_open(world: World) -> None:
    await world.begins()
    root = await world.says("@agent workflow look: Look at it -> fix: Fix it")
    await asked(world, "Plan for w1")
    before = len(world.slack.ephemerals("you"))
    await world.says("sounds good to me", thread=root)
    await world.says("@teammate start", thread=root)
    await nothing_new(world, 0, before)
    await world.says("@agent sounds good to me", thread=root)
    await world.told("you", "does not decide about plan w1. Type approve or reject")
    await world.says("start", who="teammate", thread=root)
    told = await world.told("teammate", "You may not start this plan")
    assert f"<@{world.slack.user('you').id}>" in shown(told)
    assert await world.agents() == []
    await world.says("start", thread=root)
    await world.told("you", "Your decision counts: started")
    assert [each.key for each in await world.ended(1, 2)] == ["look", "fix"]


async def test_of_several_that_run_one_is_named(world: World) -> None:
    executor = ScriptedExecutor({"long": [Hear()]})
    await world.begins(executor)
    root = await started(world, "both: [one: long one, two: long two]")
    await begun(executor, 2)
    await world.says("use sqlite", thread=root)
    told = await world.told("you", "2 agents could be meant")
    assert "12: use sqlite" in shown(told)
    await world.says("two: use sqlite", thread=root)
    await world.agent(2, Status.COMPLETED)
    assert executor.heard == ["use sqlite"]
    await world.says("@agent w1.one: and you pytest", thread=root)
    await world.agent(1, Status.COMPLETED)
    assert executor.heard == ["use sqlite", "and you pytest"]


async def test_direct_messages_need_no_mention(world: World) -> None:
    executor = ScriptedExecutor({"around": [Hear()]})
    await world.begins(executor)
    root = await world.says("look around", where="@you")
    await begun(executor, 1)
    await world.says("in the attic", where="@you", thread=root)
    await world.agent(1, Status.COMPLETED)
    assert executor.heard == ["in the attic"]
    await world.says("and below", where="@you", thread=root)
    assert (await world.agent(2, Status.COMPLETED)).parent_id == 1
    await world.says("look elsewhere", where="@you")  # no reply: another thread
    assert (await world.agent(3, Status.COMPLETED)).parent_id is None


async def said(world: World) -> list[tuple[str, bool]]:
    """What agents were told, and whether they have it."""
    assert world.program is not None
    async with world.program.engine.db.reading() as session:
        found = await session.scalars(select(Message).order_by(Message.id))
        return [(each.text, each.taken_by is not None) for each in found]


async def test_an_edit_counts_until_the_agent_has_it(world: World) -> None:
    release = asyncio.Event()
    executor = ScriptedExecutor({"long": [Wait(release)]})
    await world.begins(works=False)
    root = await world.says("@agent spawn long")
    await world.agent(1, Status.PENDING)
    plain = await world.says("1: use mysql", thread=root)
    await taken(world)
    mention = await world.says("@agent and unittest", thread=root)
    await taken(world)
    await world.slack.edits("you", plain, "1: use sqlite")
    await world.slack.edits("you", mention, "@agent and pytest")
    await taken(world)
    assert await said(world) == [("use sqlite", False), ("and pytest", False)]
    await world.begins(executor, speaks=False)
    await world.until(lambda: marked(world, plain, mention))
    await world.slack.edits("you", plain, "1: use oracle")
    talk = await world.says("by the way", who="teammate", thread=root)
    await world.slack.edits("teammate", talk, "@agent spawn something else")
    await taken(world)
    assert await said(world) == [("use sqlite", True), ("and pytest", True)]
    release.set()
    await world.agent(1, Status.COMPLETED)
    assert len(await world.agents()) == 1
