"""What is said in Slack to an agent whose worker is another process than the bot."""

import asyncio
from collections.abc import Sequence
from functools import partial

import pytest
from sqlalchemy import func, select

from bot.local import Message
from engine.demo_model import Turn, call, say
from engine.demo_model.conversation import Conversation, read
from engine.models import Message as Said
from tests.processes.conftest import REST, SECONDS, Installation, Running, until

WORDS = ("Use sqlite for it, please.", "And write down why.")


async def apart(mab: Installation) -> tuple[Running, Running]:
    """Bot and worker, each a process."""
    before = mab.slack.greeted
    bot = await mab.starts("bot")
    worker = await mab.starts("worker")
    await asyncio.gather(bot.ready(), worker.ready())
    await mab.slack.settled(lambda: mab.slack.greeted >= before + 2, timeout=SECONDS)
    return bot, worker


async def says(mab: Installation, card: Message) -> list[str]:
    """Tell the agent one thing after the other while the model is thinking; their ts."""
    said = []
    for number, word in enumerate(WORDS, start=1):
        said.append(await mab.slack.says("you", "general", word, card.ts))
        await until(partial(_recorded, mab, number), seconds=100)  # a third try is after 60
    return said


async def _recorded(mab: Installation, number: int) -> bool:
    async with mab.db.reading() as session:
        return await session.scalar(select(func.count(Said.id))) == number


def talk(mab: Installation) -> Conversation:
    """What the model was asked last."""
    return read(mab.questions()[-1].body)


def held(gate: asyncio.Event) -> Sequence[Turn]:
    """The model thinks until the gate is open, then looks at something."""
    looks = call("Glob", pattern="*").calls
    return [call("Write", file_path="half.txt", content="x"), Turn(calls=looks, after=gate)]


@pytest.mark.parametrize("database_kind", ["postgresql"], indirect=True)
async def test_what_is_said_is_in_the_next_request_in_order_and_once(mab: Installation) -> None:
    gate = asyncio.Event()
    await mab.plays(long=[[*held(gate), say("Done.")]])
    await apart(mab)
    card = await mab.spawns("long")
    await mab.asked(2)
    told = await says(mab, card)
    gate.set()
    assert await mab.story(card) == [*WORDS, "done"]
    assert len(mab.questions()) == 3
    assert talk(mab).said == WORDS
    for word in WORDS:
        assert str(mab.questions()[-1].body["messages"]).count(word) == 1
    await until(lambda: all("eyes" in str(mab.slack.message(ts).reactions) for ts in told))


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
async def test_what_a_lost_run_had_taken_is_given_to_the_next(mab: Installation) -> None:
    gate, never = asyncio.Event(), asyncio.Event()
    await mab.plays(long=[[*held(gate), Turn(after=never)], REST])
    _, worker = await apart(mab)
    card = await mab.spawns("long")
    await mab.asked(2)
    await says(mab, card)
    gate.set()
    await mab.asked(3)
    assert talk(mab).said == WORDS
    await worker.dies()
    await (await mab.starts("worker")).ready()
    assert await mab.story(card) == [*WORDS, "taken over", "done"]
    context = read(mab.questions()[3].body).context
    assert [context.count(word) for word in WORDS] == [1, 1]
    assert context.index(WORDS[0]) < context.index(WORDS[1])
