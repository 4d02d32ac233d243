"""Going on with an agent that has ended, with the real CLI: in its session, or without it."""

from collections.abc import AsyncIterator

import pytest
from sqlalchemy import delete

from engine import DemoModel, NodeView, Status, make_executor
from engine.demo_model import Conversation, Turn, call, say
from engine.demo_model.conversation import read
from engine.models import SessionEntry
from tests.conversations.conftest import World, eventually, is_terminal, shown
from tests.worker.conftest import git

pytestmark = pytest.mark.parametrize("database_kind", ["postgresql"])  # test_sessions has both
FIRST = "Write down the word heron"
GONE = "The earlier session is gone"


def remembering(talk: Conversation) -> Turn:
    """A model that writes its task into a file and says what it remembers of earlier ones."""
    name = f"{len(talk.earlier)}-{talk.task.split()[-1]}.txt"
    if not talk.results:
        return call("Write", file_path=name, content=talk.task)
    return say(f"Before that you asked: {' / '.join(talk.earlier) or 'nothing that I know of'}.")


@pytest.fixture
async def model(world: World) -> AsyncIterator[DemoModel]:
    """The real CLI on a worker that clears every worktree away as soon as its agent has ended."""
    world.settings = world.settings.model_copy(
        update={"limits": world.settings.limits.model_copy(update={"keep_hours": 0})}
    )
    async with DemoModel(remembering) as playing:
        world.secrets |= playing.environment
        await world.begins(hands=make_executor)
        yield playing
        await world.ends()


async def went_on(world: World, number: int, root: str) -> NodeView:
    """Wait for an agent's last word, and until its worktree is gone."""
    view = await world.agent(number, Status.COMPLETED)
    await world.until(lambda: len(world.terminals()) >= number)
    await eventually(lambda: cleared_away(world))
    assert len([m for m in world.slack.thread("general", root) if is_terminal(m)]) == number
    return view


async def cleared_away(world: World) -> bool:
    """Whether no worktree is left; the janitor would look once a minute by itself."""
    janitor = world.beat("janitor")
    janitor.wake()
    await janitor.rest()
    return not list((world.home / ".worktrees").glob("agent-*"))


def last(model: DemoModel) -> Conversation:
    """The newest question to the model."""
    return read([request for request in model.requests if not request.side][-1].body)


async def test_a_reply_goes_on_in_the_session_and_without_it_from_the_commit(
    world: World, model: DemoModel
) -> None:
    await world.says(f"/agent spawn {FIRST}")
    card = await world.card()
    first = await went_on(world, 1, card.ts)
    session = last(model).session

    await world.says("And now the word egret", thread=card.ts)
    second = await went_on(world, 2, card.ts)
    assert (last(model).earlier, last(model).session) == ((FIRST,), session)
    assert second.result == f"Before that you asked: {FIRST}."
    assert "goes on with work" not in last(model).context
    assert not any(GONE in shown(message) for message in world.terminals())
    assert (second.branch, second.work.base_commit) == (first.branch, first.work.commit)

    await forget(world)
    await world.says("And at last the word crane", thread=card.ts)
    third = await went_on(world, 3, card.ts)
    assert last(model).earlier == ()
    assert last(model).session != session
    assert f"### 2 (agent, completed): {second.task}" in last(model).context
    assert second.result in last(model).context
    assert "the conversation about it is gone" in last(model).context
    assert [GONE in shown(message) for message in world.terminals()] == [False, False, True]
    assert (third.branch, third.work.base_commit) == (second.branch, second.work.commit)
    for name in ("0-heron.txt", "1-egret.txt", "0-crane.txt"):
        assert world.on_branch(third, name)
    assert git("rev-list", "--count", f"main..{third.branch}", cwd=world.shop) == "3"


async def forget(world: World) -> None:
    """Delete every session, as somebody may who looks after the database."""
    assert world.program
    async with world.program.engine.db.writing() as session:
        await session.execute(delete(SessionEntry))
