"""Growing: `then: …` in a thread, `spawn --parent …`, from the work of what is there."""

import asyncio

from bot.access import Access
from bot.local import Message
from bot.messages import AGAIN, APPROVE
from engine import Status
from engine.scripted import Wait, Write, failure
from engine.states import Cause
from tests.conftest import ONE_DATABASE
from tests.conversations.conftest import World, is_notice, shown

SIDES = "/agent workflow [a: Write a, b: Write b]"


def script(world: World) -> None:
    """What agents do here."""
    world.script = {
        "Write a": [Write("a.md", "a\n")],
        "Write b": [Write("b.md", "b\n")],
        "write spec": [Write("spec.md", "add\n")],
        "document": [Write("docs.md", "see\n")],
        "polish": [Write("polish.md", "shiny\n")],
    }


async def notices(world: World, root: str, part: str, count: int = 1) -> list[Message]:
    """Wait for messages of a thread that tell a fact with this in it."""

    def seen() -> list[Message]:
        told = [m for m in world.slack.thread("general", root) if is_notice(m)]
        found = [message for message in told if part in shown(message)]
        return found if len(found) >= count else []

    return await world.until(seen)


async def then(world: World, task: str, thread: str | None, who: str = "you") -> None:
    """Somebody wants to have something done after what the thread works on."""
    await world.says(f"<@{world.slack.bot_user}> then: {task}", who, thread=thread)


async def started(world: World, text: str) -> str:
    """Have a workflow planned and started; gives its thread."""
    await world.says(text)
    card = await world.card()
    plan = (await world.thread(card.ts, 2))[1]
    await world.slack.presses("you", plan, APPROVE)
    await world.agent(1, *Status)
    return card.ts


async def test_then_goes_on_from_a_lone_agent_that_has_ended(world: World) -> None:
    script(world)
    await world.begins()
    await world.says("/agent spawn write spec")
    card = await world.card()
    await world.ended(1)
    await then(world, "document it", card.ts)
    first, added = await world.ended(1, 2)
    assert (added.key, added.task, added.needs) == ("then", "document it", (1,))
    assert added.work.base_commit == first.work.commit
    assert world.on_branch(added, "spec.md")
    assert world.on_branch(added, "docs.md")
    await notices(world, card.ts, "Agent 2 is done")
    await then(world, "polish it", card.ts)
    [last] = await world.ended(3)
    assert (last.key, last.needs) == ("then-2", (2,))
    await notices(world, card.ts, "Agent 3 is done")
    await world.delivered()
    assert len(world.terminals()) == 3


async def test_then_waits_for_what_still_runs(world: World) -> None:
    gate = asyncio.Event()
    script(world)
    world.script["write spec"] = [Wait(gate), Write("spec.md", "add\n")]
    await world.begins()
    await world.says("/agent spawn write spec")
    card = await world.card()
    await world.agent(1, Status.ACTIVE)
    await then(world, "document it", card.ts)
    await world.told("you", "Agent 2 begins when what it goes on from is done")
    assert (await world.agent(2, Status.BLOCKED)).needs == (1,)
    gate.set()
    _, added = await world.ended(1, 2)
    assert world.on_branch(added, "spec.md")
    assert world.on_branch(added, "docs.md")


async def test_then_goes_on_from_all_ends_of_a_workflow(world: World) -> None:
    gate = asyncio.Event()
    script(world)
    world.script["Write b"] = [Wait(gate), Write("b.md", "b\n")]
    await world.begins()
    thread = await started(world, SIDES)
    await then(world, "document it", thread)
    added = await world.agent(4, Status.BLOCKED)
    integrated = await world.agent(3, Status.BLOCKED)
    assert added.needs == (integrated.id,)
    gate.set()
    *_, added = await world.ended(1, 2, 3, 4)
    for name in ("a.md", "b.md", "docs.md"):
        assert world.on_branch(added, name)
    await notices(world, thread, "Agent 4 is done")
    await notices(world, thread, "Workflow w1")
    await world.delivered()
    told = [m for m in world.slack.thread("general", thread) if is_notice(m)]
    assert sum("is done" in message.text for message in told) == 2


async def test_a_parent_is_named_from_elsewhere(world: World) -> None:
    script(world)
    await world.begins()
    thread = await started(world, SIDES)
    await world.ended(1, 2, 3)
    await world.says("/agent spawn --parent w1.b document it")
    await world.says("/agent spawn --parent 1 polish it")
    documented, polished = await world.ended(4, 5)
    assert [documented.needs, polished.needs] == [(2,), (1,)]
    assert (documented.key, polished.key) == ("then", "then-2")
    assert world.on_branch(documented, "b.md")
    assert world.on_branch(polished, "a.md")
    assert {documented.workflow_id, polished.workflow_id} == {1}
    for number in (4, 5):
        assert len(await notices(world, thread, f"Agent {number} is done")) == 1


async def test_nothing_begins_after_what_failed(world: World) -> None:
    world.script["write spec"] = [failure(Cause.MODEL)]
    await world.begins()
    await world.says("/agent spawn write spec")
    card = await world.card()
    await world.ended(1)
    await world.says("/agent spawn --parent 1 document it")
    refused = await world.told("you", "Agent 1 is failed")
    assert "/agent retry 1, or /agent skip 1" in shown(refused)
    await then(world, "document it", card.ts)
    await world.until(lambda: len(world._told("you", "Agent 1 is failed")) == 2)
    assert len(await world.agents()) == 1


async def test_what_is_not_there_is_named(world: World) -> None:
    await world.begins()
    await world.says("/agent spawn --parent 7 document it")
    await world.told("you", "There is no agent 7")
    await world.says("/agent spawn --parent w7.test document it")
    await world.told("you", "There is no step")
    await world.says("/agent spawn --parent soon document it")
    await world.told("you", "cannot be the value of")
    await then(world, "document it", None)
    await world.told("you", "no agent in this thread to go on from")
    assert await world.agents() == []


async def test_the_same_wish_twice_is_asked_about(world: World) -> None:
    gate = asyncio.Event()
    world.script["write spec"] = [Wait(gate)]
    await world.begins()
    await world.says("/agent spawn write spec")
    card = await world.card()
    await world.agent(1, Status.ACTIVE)
    await then(world, "document it", card.ts)
    await world.agent(2, Status.BLOCKED)
    await then(world, "document it", card.ts)
    twice = await world.told("you", "Start another")
    await world.slack.presses("you", twice, AGAIN)
    assert (await world.agent(3, Status.BLOCKED)).needs == (2,)
    gate.set()
    await world.ended(1, 2, 3)


@ONE_DATABASE
async def test_only_who_may_start_agents_may_add_one(world: World) -> None:
    you, reviewer = world.slack.user("you").id, world.slack.user("reviewer").id
    access = Access(admin=(reviewer,), spawn=(you,))
    world.settings = world.settings.model_copy(update={"access": access})
    script(world)
    await world.begins()
    await world.says("/agent spawn write spec")
    card = await world.card()
    await world.ended(1)
    await then(world, "document it", card.ts, "guest")
    await world.told("guest", "You may not start agents")
    assert len(await world.agents()) == 1
