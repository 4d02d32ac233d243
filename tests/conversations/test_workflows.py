"""Workflows in a thread: a plan that is confirmed, gates, mending, and one final message."""

import pytest
from sqlalchemy import select

from bot.intake import erasure
from bot.local import Message
from bot.messages import APPROVE
from engine import Status
from engine.models import Workflow
from engine.scripted import Write
from tests.conversations.conftest import World, is_notice, shown

PLAN = (
    "/agent workflow calculator: design: Write calculator spec -> "
    "implement: Implement calculator -> test: Write tests"
)


async def test_a_workflow_goes_from_its_plan_to_its_final_message(world: World) -> None:
    world.script = {
        "calculator spec": [Write("spec.md", "add and subtract\n")],
        "Implement": [Write("calculator.py", "def add(a, b): return a + b\n")],
        "tests": [Write("test_calculator.py", "def test_add(): ...\n")],
    }
    await world.begins()
    await world.says(PLAN)
    card = await world.card()
    plan = (await world.thread(card.ts, 2))[1]
    assert "Plan for w1" in plan.text
    assert await world.agents() == []
    await world.slack.presses("you", plan, APPROVE)
    for number in (1, 2, 3):
        await world.agent(number, Status.COMPLETED)
    thread = await world.thread(card.ts, 3)
    assert "Workflow w1" in thread[-1].text
    await world.until(lambda: "3 of 3" in shown(world.slack.thread("general", card.ts)[0]))
    test = await world.agent(3, Status.COMPLETED)
    for name in ("spec.md", "calculator.py", "test_calculator.py"):
        assert world.on_branch(test, name)


async def test_a_gate_shows_everything_that_changed_since_the_last_one(world: World) -> None:
    world.script = {
        "calculator spec": [Write("spec.md", "add and subtract\n")],
        "Implement": [Write("calculator.py", "def add(a, b): return a + b\n")],
    }
    await world.begins()
    await world.says(PLAN.replace("-> test: Write tests", "-> ?ok: Good?"))
    card = await world.card()
    await world.slack.presses("you", (await world.thread(card.ts, 2))[1], APPROVE)
    gate = (await world.thread(card.ts, 3))[2]
    assert "Diff since the last gate" in shown(gate)
    await world.slack.presses("you", gate, "Diff since the last gate")
    [file] = await world.until(world.slack.files)
    diff = file.content.decode()
    assert "+add and subtract" in diff
    assert "+def add(a, b)" in diff


async def test_a_question_whose_message_is_deleted_is_asked_again(world: World) -> None:
    await world.begins()
    await world.says(PLAN)
    card = await world.card()
    plan = (await world.thread(card.ts, 2))[1]
    await world.delivered()
    world.slack.erases(plan.ts)
    again = (await world.until(lambda: notices(world, card.ts, but=plan.ts)))[0]
    assert "Plan for w1" in again.text
    assert "Reminder" in again.text
    await world.slack.presses("you", again, APPROVE)
    for number in (1, 2, 3):
        await world.agent(number, Status.COMPLETED)


@pytest.mark.parametrize("database_kind", ["postgresql"])
async def test_a_question_is_asked_again_whose_message_was_deleted_before_that_was_on_record(
    world: World,
) -> None:
    program = await world.begins()
    engine = program.engine
    first, second = (world.slack.faults.delays("chat.postMessage") for _ in range(2))
    await world.says(PLAN)
    await world.until(lambda: first.struck)
    first.over.set()
    await world.until(lambda: second.struck)
    async with engine.db.writing() as session:
        # Until this transaction ends, nothing that is told is recorded.
        place = await session.scalar(select(Workflow.place).with_for_update())
        second.over.set()
        card = await world.card()
        plan = (await world.thread(card.ts, 2))[1]
        world.slack.erases(plan.ts)
        erased = erasure(str(place), plan.ts)
        await world.eventually(lambda: engine.inbox.find(erased))
        await world.interpreted()
        assert not await engine.decisions.standing(1)
    again = (await world.until(lambda: notices(world, card.ts, but=plan.ts)))[0]
    await world.slack.presses("you", again, APPROVE)
    for number in (1, 2, 3):
        await world.agent(number, Status.COMPLETED)


async def test_what_is_deleted_and_asks_nothing_is_not_posted_again(world: World) -> None:
    await world.begins()
    await world.says(PLAN)
    card = await world.card()
    plan = (await world.thread(card.ts, 2))[1]
    await world.slack.presses("you", plan, APPROVE)
    end = (await world.thread(card.ts, 3))[2]
    await world.delivered()
    for message in (plan, end):
        world.slack.erases(message.ts)
    await world.says("@agent help", thread=card.ts)  # the inbox is worked through in order
    await world.told("you", "spawn")
    await world.delivered()
    assert notices(world, card.ts) == []


def notices(world: World, root: str, but: str = "") -> list[Message]:
    """What a thread tells, except for one message."""
    found = world.slack.thread("general", root)
    return [message for message in found if is_notice(message) and message.ts != but]
