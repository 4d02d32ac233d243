"""What people say while nobody hears it is looked up, once for each gap."""

import pytest
from sqlalchemy import select, update

from bot.catching import NOTE_SECONDS
from bot.local import Room
from bot.messages import APPROVE
from engine import Database, Status
from engine.hearing import GAP
from engine.models import Clock
from engine.models import Hearing as HearingRow
from tests.conversations.conftest import QUICK, World

sqlite = pytest.mark.parametrize("database_kind", ["sqlite"])
HISTORY = {"conversations.history", "conversations.replies"}


async def is_heard(world: World) -> None:
    """Wait until the ledger has a note that people are heard, and nothing is missed."""
    assert world.program is not None
    db = world.program.engine.db
    heard = select(HearingRow.id).where(
        HearingRow.heard_at.is_not(None), HearingRow.missed_since.is_(None)
    )

    async def noted() -> bool:
        world.beat("hearing").wake()
        async with db.reading() as session:
            return await session.scalar(heard) is not None

    await world.eventually(noted)


async def pass_time(world: World, seconds: float) -> None:
    """Set the ledger's clock forward."""
    db = Database.connect(world.settings.database)
    async with db.writing() as session:
        await session.execute(update(Clock).values(seconds=Clock.seconds + seconds))
    await db.close()


def lookups(world: World) -> list[str]:
    return [call.method for call in world.slack.calls if call.method in HISTORY]


def given_up(world: World) -> int:
    """How many events Slack sends no more, though nobody has acknowledged them."""
    return sum(sent.attempt == len(QUICK.retries) for sent in world.slack.deliveries)


async def test_what_was_said_while_no_bot_ran_is_taken_once(world: World) -> None:
    await world.begins()
    root = await world.says("@agent look around")
    await world.until(world.terminals)
    await world.delivered()
    await is_heard(world)
    await world.ends()
    mention = await world.says("@agent look again")
    await world.says("nothing for an agent")
    await world.says("and then the rest", thread=root)
    await world.says("@agent and what about this", thread=mention)
    await world.until(lambda: given_up(world) == 6)
    await pass_time(world, GAP + NOTE_SECONDS)
    await world.begins()
    await world.until(lambda: len(world.terminals()) >= 3)
    await is_heard(world)
    await world.interpreted()
    tasks = {view.task for view in await world.agents()}
    assert {"look around", "look again", "and then the rest"} <= tasks
    assert "nothing for an agent" not in tasks
    looked = len(lookups(world))
    assert looked > 0
    await world.ends()
    agents = len(tasks)
    await pass_time(world, GAP + NOTE_SECONDS)
    await world.begins()  # another gap, in which nothing was said
    await world.until(lambda: len(lookups(world)) > looked)
    await is_heard(world)
    await world.interpreted()
    assert len(await world.agents()) == agents


@sqlite
async def test_without_a_gap_nothing_is_looked_up(world: World) -> None:
    await world.begins()
    await world.says("@agent look around")
    await world.until(world.terminals)
    await is_heard(world)
    await world.ends()
    await world.begins()
    await is_heard(world)
    assert lookups(world) == []


@sqlite
async def test_first_words_in_a_channel_or_to_the_bot_are_taken_after_a_gap(world: World) -> None:
    world.slack.add_channel(Room("elsewhere", bot=False))
    await world.begins()
    await is_heard(world)
    await world.ends()
    await world.says("@agent a first mention", where="random")
    await world.says("a first direct message", where="@teammate", who="teammate")
    theirs = await world.says("what do you think?", where="random")
    await world.says("I do not know", where="random", thread=theirs)
    await world.until(lambda: given_up(world) == 5)  # a mention is two events
    await pass_time(world, GAP + NOTE_SECONDS)
    await world.begins()
    await world.until(lambda: world.terminals("random") and world.terminals("@teammate"))
    await is_heard(world)
    await world.interpreted()
    tasks = sorted(view.task for view in await world.agents())
    assert tasks == ["a first direct message", "a first mention"]
    threads = {call.args.get("ts") for call in world.slack.calls if call.method in HISTORY}
    assert theirs not in threads  # it is other people's
    read = {call.args["channel"] for call in world.slack.calls if call.method in HISTORY}
    assert world.slack.channel("elsewhere").id not in read


async def test_a_question_that_was_deleted_while_no_bot_ran_is_asked_again(world: World) -> None:
    await world.begins()
    threads = []
    for number, title in enumerate(("one", "two")):
        await world.says(f"/agent workflow {title}: a: Begin -> b: Go on")
        card = await world.card(number)
        threads.append(await world.thread(card.ts, 2))
    (first, lost), (second, _) = threads
    await world.delivered()
    await is_heard(world)
    await world.ends()
    world.slack.erases(lost.ts)
    await world.until(lambda: given_up(world) == 1)
    await pass_time(world, GAP + NOTE_SECONDS)
    await world.begins()
    await world.until(lambda: len(world.slack.thread("general", first.ts)) == 2)
    again = world.slack.thread("general", first.ts)[1]
    await is_heard(world)
    await world.interpreted()
    await world.delivered()
    assert len(world.slack.thread("general", second.ts)) == 2, "it is still there"
    await world.slack.presses("you", again, APPROVE)
    for number in (1, 2):
        await world.agent(number, Status.COMPLETED)
