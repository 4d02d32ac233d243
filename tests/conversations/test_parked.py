"""A thread that cannot be told anything: who asked is told so, and in the end the thread is too."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from sqlalchemy import update

from bot.local import Message
from engine import AgentResult, Status
from engine.models import Clock
from engine.outbox import TRY_AGAIN
from engine.scripted import Finish, Wait
from tests.conversations.conftest import World, is_card, is_notice, is_terminal, shown

sqlite = pytest.mark.parametrize("database_kind", ["sqlite"])
Act = Callable[[World], Awaitable[None]]


async def archive(world: World) -> None:
    world.slack.archives("random")


async def unarchive(world: World) -> None:
    world.slack.unarchives("random")


async def remove(world: World) -> None:
    await world.slack.removes("random", world.slack.bot_user)


async def invite(world: World) -> None:
    await world.slack.invites("random", world.slack.bot_user)


async def parked(world: World, count: int = 1) -> None:
    """Wait until so many threads are parked."""
    assert world.program is not None
    outbox = world.program.engine.outbox

    async def so_many() -> bool:
        return len(await outbox.parked()) == count

    await world.eventually(so_many)


def apart(world: World) -> list[Message]:
    """What "you" are told in direct messages."""
    return [m for m in world.slack.messages("@you") if is_notice(m)]


async def running(world: World, where: str = "random") -> asyncio.Event:
    """An agent that works, with its card; it ends when the event is set."""
    gate = asyncio.Event()
    world.script["look"] = [Wait(gate), Finish(AgentResult(success=True, output="All found."))]
    await world.begins()
    await world.says("/agent spawn look here", where=where)
    await world.card(where=where)
    return gate


@pytest.mark.parametrize(
    ("closing", "opening", "why"),
    [(archive, unarchive, "archived"), (remove, invite, "not in the channel")],
)
async def test_a_closed_channel_is_told_everything_once_it_is_open_again(
    world: World, closing: Act, opening: Act, why: str
) -> None:
    world.slack.channel("random").is_private = True  # or else the local Slack lets us post
    gate = await running(world)
    held = world.slack.faults.delays("chat.postMessage")  # the terminal message is on its way
    gate.set()
    await world.ended(1)
    await world.until(lambda: held.times == 0)
    await closing(world)
    held.over.set()
    await parked(world)
    await world.until(lambda: apart(world))
    [told] = apart(world)
    assert why in shown(told)
    assert "Agent 1 is done" in shown(told)
    assert world.terminals("random") == []
    await opening(world)
    await world.until(lambda: world.terminals("random"))
    await world.delivered()
    await parked(world, 0)
    assert len(world.terminals("random")) == 1
    assert len(apart(world)) == 1


async def test_a_card_that_may_hang_there_is_looked_for_once_the_channel_is_open(
    world: World,
) -> None:
    world.slack.channel("random").is_private = True
    await world.begins(works=False)
    lost = world.slack.faults.lose_answers("chat.postMessage")
    await world.says("@agent spawn look here", where="random")
    await world.until(lambda: lost.struck)
    await remove(world)
    await parked(world)
    await invite(world)
    await parked(world, 0)
    await world.delivered()
    cards = [message for message in world.slack.messages("random") if is_card(message)]
    assert len(cards) == 1


@sqlite
async def test_it_is_tried_again_without_an_event(world: World) -> None:
    gate = await running(world)
    world.slack.archives("random")
    gate.set()
    await parked(world)
    await world.until(lambda: apart(world))
    world.slack.faults.drop_acks("channel_unarchive", times=None)
    world.slack.channel("random").is_archived = False  # nobody says so
    async with world.program.engine.db.writing() as session:  # type: ignore[union-attr]
        await session.execute(update(Clock).values(seconds=Clock.seconds + TRY_AGAIN + 5))
    await world.until(lambda: world.terminals("random"))
    await parked(world, 0)
    assert len(apart(world)) == 1


@sqlite
async def test_one_that_goes_on_says_so_and_a_second_silence_is_told_again(world: World) -> None:
    gate = await running(world)
    await world.agent(1, Status.ACTIVE)
    world.slack.archives("random")
    await world.says("/agent graph w1")  # there is something to tell
    await parked(world)
    await world.until(lambda: apart(world))
    assert "goes on" in shown(apart(world)[0])
    world.slack.unarchives("random")
    await parked(world, 0)
    await world.until(lambda: [m for m in world.slack.messages("random") if is_notice(m)])
    await world.delivered()
    world.slack.archives("random")
    gate.set()
    await parked(world)
    await world.until(lambda: len(apart(world)) == 2)


@sqlite
@pytest.mark.parametrize("fault", ["lose_answers", "server_errors", "rate_limits"])
async def test_the_direct_message_is_there_once(world: World, fault: str) -> None:
    gate = await running(world)
    world.slack.archives("random")
    # the refusal in the thread is the first call, the direct message the second
    getattr(world.slack.faults, fault)("chat.postMessage", times=None)
    gate.set()
    await world.until(lambda: [c for c in world.slack.calls if c.method == "chat.postMessage"][2:])
    world.slack.faults.clear()
    await parked(world)
    await world.until(lambda: apart(world))
    await world.says("/agent spawn something else")
    await world.until(lambda: world.terminals("general"))
    assert len(apart(world)) == 1


@sqlite
async def test_a_thread_that_is_gone_begins_anew_in_its_channel(world: World) -> None:
    gate = await running(world, "general")
    card = await world.card()
    world.slack.parts.desk.board.delete(world.slack.parts.state.find(card.channel, card.ts))  # type: ignore[arg-type]
    gate.set()
    await world.until(world.terminals)
    await world.delivered()
    [new] = [m for m in world.slack.messages("general") if is_card(m)]
    [told] = world.terminals()
    assert (new.thread_ts, told.thread_ts) == (None, new.ts)
    await parked(world, 0)
    await world.says("@agent go on", thread=new.ts)
    await world.until(lambda: len(world.terminals()) == 2)
    assert {m.thread_ts for m in world.terminals()} == {new.ts}


@sqlite
async def test_a_deleted_card_in_a_living_thread_is_not_posted_again(world: World) -> None:
    gate = asyncio.Event()
    world.script["look"] = [Wait(gate)]
    await world.begins()
    root = await world.says("@agent look around")
    await world.agent(1, Status.ACTIVE)
    [card] = await world.until(lambda: [m for m in world.slack.messages("general") if is_card(m)])
    world.slack.parts.desk.board.delete(world.slack.parts.state.find(card.channel, card.ts))  # type: ignore[arg-type]
    gate.set()
    await world.until(world.terminals)
    await world.delivered()
    assert [is_terminal(m) for m in world.slack.thread("general", root)] == [False, True]


async def test_a_revoked_token_delays_what_is_told(world: World) -> None:
    gate = await running(world, "general")
    world.slack.revokes_token()
    gate.set()
    await world.ended(1)
    await world.until(
        lambda: [c for c in world.slack.calls if c.response.get("error") == "token_revoked"]
    )
    assert world.terminals() == []
    world.slack.restores_token()
    await world.until(world.terminals)
    await world.delivered()
    assert len(world.terminals()) == 1
    await parked(world, 0)
