"""From `/agent spawn` to the result in the thread."""

import asyncio

from engine import Status
from engine.scripted import Wait, Write
from tests.conversations.conftest import World, is_card, is_terminal, shown


async def test_a_slash_command_ends_in_one_terminal_message_under_its_card(world: World) -> None:
    world.script["hello.txt"] = [Write("hello.txt", "Hello from agent!")]
    await world.begins()
    await world.says("/agent spawn Create hello.txt")
    assert "Agent 1 is queued" in (await world.told("you", "Agent 1")).text
    card = await world.card()
    thread = await world.thread(card.ts, 2)
    assert is_card(thread[0])
    assert is_terminal(thread[1])
    assert "hello.txt" in shown(thread[1])
    view = await world.agent(1, Status.COMPLETED)
    assert world.on_branch(view, "hello.txt") == "Hello from agent!"
    assert not (world.shop / "hello.txt").exists()
    await world.until(lambda: not world.slack.buttons(world.slack.message(card.ts)))
    assert world.slack.messages("general") == world.slack.thread("general", card.ts)
    assert len(world.slack.messages("general")) == 2


async def test_a_mention_keeps_to_its_thread(world: World) -> None:
    world.script["note"] = [Write("note.txt", "x")]
    await world.begins()
    root = await world.says("we need a note")
    await world.says(f"<@{world.slack.bot_user}> write the note", thread=root)
    thread = await world.thread(root, 4)
    assert [is_card(m) for m in thread] == [False, False, True, False]
    assert is_terminal(thread[3])
    assert (await world.agent(1, Status.COMPLETED)).task == "write the note"


async def test_stop_button_ends_a_running_agent(world: World) -> None:
    world.script["long"] = [Write("half.txt", "half"), Wait(asyncio.Event())]
    await world.begins()
    await world.says("/agent spawn long")
    card = await world.card()
    await world.agent(1, Status.ACTIVE)
    await world.until(lambda: "half.txt" in shown(world.slack.message(card.ts)))
    await world.slack.presses("you", card.ts, "agent.cancel")
    thread = await world.thread(card.ts, 2)
    view = await world.agent(1, Status.CANCELLED)
    assert is_terminal(thread[1])
    assert world.on_branch(view, "half.txt") == "half"
