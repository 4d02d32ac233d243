"""A merge that clashes is resolved by an agent with the real CLI, from what its files say."""

import pytest

from bot.messages import APPROVE, RESOLVE
from engine import DemoModel, Status, make_executor
from engine.demo_model import Conversation, Scene, Script, Turn, call, say
from engine.demo_model.conversation import read
from engine.demo_model.sources import unnumbered
from tests.conversations.conftest import World, shown
from tests.worker.conftest import git

pytestmark = pytest.mark.parametrize("database_kind", ["sqlite"])  # nothing here depends on it


def resolve(talk: Conversation) -> Turn:
    """Keep both sides of every clash in the file that the context names."""
    if not talk.results:
        [path] = [line[2:] for line in talk.context.splitlines() if line.startswith("- ")]
        return call("Read", file_path=path)
    if talk.of("Write"):
        return say("Kept both birds.")
    [shown_file] = talk.of("Read")
    lines = unnumbered(shown_file.text).splitlines()
    kept = [line for line in lines if not line.startswith(("<<<<<<<", "|||||||", "=======", ">>>"))]
    path = str(shown_file.arguments["file_path"])
    return call("Write", file_path=path, content="\n".join(kept) + "\n")


SCRIPT = Script(
    (
        Scene("Add a heron", [call("Write", file_path="birds.txt", content="heron\n"), say("Ok.")]),
        Scene(
            "Add an egret", [call("Write", file_path="birds.txt", content="egret\n"), say("Ok.")]
        ),
        Scene("Merge the work", resolve),
    )
)


async def test_an_agent_resolves_a_conflict_and_keeps_both_sides(world: World) -> None:
    async with DemoModel(SCRIPT) as model:
        world.secrets |= model.environment
        await world.begins(hands=make_executor)
        await world.says("/agent workflow birds: [a: Add a heron, b: Add an egret]")
        card = await world.card()
        plan = (await world.thread(card.ts, 2))[1]
        await world.slack.presses("you", plan, APPROVE)
        asked = (await world.thread(card.ts, 3))[2]
        assert "birds.txt" in shown(asked)
        assert (await world.agent(3, Status.WAITING)).key == "integrate"
        await world.slack.presses("you", asked, RESOLVE)
        merged = await world.agent(3, Status.COMPLETED)
        sides = [await world.agent(number, Status.COMPLETED) for number in (1, 2)]
        await world.thread(card.ts, 4)
        await world.delivered()
        final = world.slack.thread("general", card.ts)[-1]
        await world.ends()
    assert sorted(world.on_branch(merged, "birds.txt").split()) == ["egret", "heron"]
    assert "is done: 3 of 3 done" in final.text
    for side in sides:
        git("merge-base", "--is-ancestor", side.work.commit, merged.work.commit, cwd=world.shop)
    talks = [read(request.body) for request in model.requests if not request.side]
    [context] = {talk.context for talk in talks if talk.task.startswith("Merge")}
    assert "### a (agent, completed): Add a heron" in context
    assert "have conflict markers" in context
