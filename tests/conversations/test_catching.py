"""What people say while nobody hears it is looked up, once for each gap."""

import pytest
from sqlalchemy import select, update

from bot.catching import NOTE_SECONDS
from engine import Database
from engine.hearing import GAP
from engine.models import Clock
from engine.models import Hearing as HearingRow
from tests.conversations.conftest import World

sqlite = pytest.mark.parametrize("database_kind", ["sqlite"])
HISTORY = {"conversations.history", "conversations.replies"}


async def is_heard(world: World) -> None:
    """Wait until the ledger has a note that people are heard, and nothing is missed."""
    assert world.program is not None
    db, program = world.program.engine.db, world.program
    heard = select(HearingRow.id).where(
        HearingRow.heard_at.is_not(None), HearingRow.missed_since.is_(None)
    )

    async def noted() -> bool:
        program.wake()
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
    tried = len(world.slack.deliveries)
    await world.until(lambda: len(world.slack.deliveries) >= tried)
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
