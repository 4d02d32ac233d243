"""Who may do what, through Slack: in the channel, elsewhere, in direct messages, from outside."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from bot.access import Access
from bot.local import Message, Person, Room
from engine import Status
from engine.scripted import Wait
from tests.conversations.conftest import World, is_card, shown

pytestmark = pytest.mark.parametrize("database_kind", ["sqlite"])  # nothing here depends on it

Ask = Callable[[World, str], Awaitable[str]]
EVERYONE = "Every full member of this workspace may."
GUESTS = "guests may only when their id is named"
FOREIGN = "people of other workspaces may only when their id is named"

# what outsiders type, what they are told that they may not, and who could
REFUSED = [
    ("spawn fix the login", "start agents", EVERYONE),
    ("status 1", "look at agents", EVERYONE),
    ("logs 1", "look at agents", EVERYONE),
    ("diff 1", "look at agents", EVERYONE),
    ("list", "look at agents", EVERYONE),
    ("cancel 1", "stop this agent", "Who could: <@{you}>, <@{reviewer}>."),
    ("retry 1", "let this agent try again", "Who could: <@{you}>, <@{reviewer}>."),
    ("pause", "do this", "Who could: <@{reviewer}>."),
    ("pause --now", "do this", "Who could: <@{reviewer}>."),
    ("resume", "do this", "Who could: <@{reviewer}>."),
]
OWNED = {"stop this agent": "it is not yours", "let this agent try again": "it is not yours"}

# who asks, how and where, and why they may not
OUTSIDERS: dict[str, tuple[str, Ask, str]] = {
    "a guest in the channel": (
        "guest",
        lambda world, typed: world.says(f"@agent {typed}", "guest"),
        GUESTS,
    ),
    "a guest with a command": (
        "guest",
        lambda world, typed: world.says(f"/agent {typed}", "guest"),
        GUESTS,
    ),
    "a guest in a direct message": (
        "guest",
        lambda world, typed: world.says(typed, "guest", "@guest"),
        GUESTS,
    ),
    "a stranger in a Slack Connect channel": (
        "partner",
        lambda world, typed: world.says(f"@agent {typed}", "partner"),
        FOREIGN,
    ),
    "a stranger in the agent's thread": (
        "partner",
        lambda world, typed: world.says(
            f"@agent {typed}", "partner", thread=world.slack.messages("general")[0].ts
        ),
        FOREIGN,
    ),
    "a stranger in a direct message": (
        "partner",
        lambda world, typed: world.says(typed, "partner", "@partner"),
        FOREIGN,
    ),
}


async def with_a_running_agent(world: World) -> asyncio.Event:
    """Agent 1 of "you" runs in #general, which is shared with another workspace."""
    world.slack.add_user(Person("partner", is_stranger=True))
    await world.slack.invites("general", "partner")
    gate = asyncio.Event()
    world.script["long"] = [Wait(gate)]
    await world.begins()
    await world.says("/agent spawn long")
    await world.agent(1, Status.ACTIVE)
    await world.card()
    return gate


async def answer(world: World, who: str, asked: Awaitable[str]) -> Message:
    """The one thing that somebody alone is told then."""
    before = len(world.slack.ephemerals(who))
    await asked
    await world.until(lambda: world.slack.ephemerals(who)[before:])
    await world.interpreted()
    [told] = world.slack.ephemerals(who)[before:]
    return told


@pytest.mark.parametrize("outsider", OUTSIDERS)
async def test_outsiders_are_told_who_could_and_nothing_happens(
    world: World, outsider: str
) -> None:
    who, ask, because = OUTSIDERS[outsider]
    gate = await with_a_running_agent(world)
    ids = {name: world.slack.user(name).id for name in ("you", "reviewer", who)}
    for typed, what, who_could in REFUSED:
        told = await answer(world, who, ask(world, typed))
        why = f"You may not {what}: {OWNED.get(what, because)}."
        assert told.text == why
        assert f"{why} {who_could.format(**ids)}\nYour id is `{ids[who]}`; " in shown(told)
    assert [(view.id, view.cancelling) for view in await world.agents()] == [(1, False)]
    gate.set()
    assert (await world.agent(1, Status.COMPLETED)).attempt == 1
    await world.until(world.terminals)
    assert len([m for m in world.slack.messages("general") if m.metadata]) == 2  # card and end
    for where in ("@guest", "@partner"):
        assert [m for m in world.slack.messages(where) if m.user == world.slack.bot_user] == []


async def test_whoever_is_not_in_the_channel_sees_nothing_of_its_agents(world: World) -> None:
    world.slack.add_channel(Room("secret", is_private=True, members=("you",)))
    await world.begins()
    await world.says("/agent spawn hide the treasure", where="secret")
    await world.agent(1, Status.COMPLETED)
    await world.until(lambda: world.terminals("secret"))
    ids = {name: world.slack.user(name).id for name in ("teammate", "reviewer")}
    for where in ("general", "@teammate"):
        for verb in ("status", "logs", "diff"):
            asked = world.says(f"/agent {verb} 1", "teammate", where)
            told = await answer(world, "teammate", asked)
            assert told.text == (
                "You may not look at agents: you are not in the channel that it belongs to."
            )
            assert f"Who could: its members, <@{ids['reviewer']}>." in shown(told)
            assert f"`{ids['teammate']}`" in shown(told)
            assert "treasure" not in shown(told)
        listed = await answer(world, "teammate", world.says("/agent list", "teammate", where))
        assert listed.text == "There are no agents yet. Type /agent spawn and a task"
    told = await answer(world, "reviewer", world.says("/agent status 1", "reviewer"))
    assert "hide the treasure" in told.text  # an admin
    await world.slack.invites("secret", "guest")
    told = await answer(world, "guest", world.says("/agent status 1", "guest", "secret"))
    assert told.text == f"You may not look at agents: {GUESTS}."


async def test_outsiders_who_are_named_may(world: World) -> None:
    world.slack.add_user(Person("partner", is_stranger=True))
    await world.slack.invites("general", "partner")
    named = tuple(world.slack.user(name).id for name in ("partner", "guest"))
    access = Access(spawn=named, admin=(world.slack.user("reviewer").id,))
    world.settings = world.settings.model_copy(update={"access": access})
    await world.begins()
    await world.says("@agent look around", "partner")
    assert (await world.agent(1, Status.COMPLETED)).requester.name == "partner"
    await world.says("look around", "guest", "@guest")
    assert (await world.agent(2, Status.COMPLETED)).requester.name == "guest"
    told = await answer(world, "partner", world.says("@agent status 1", "partner"))
    assert told.text == "Agent 1 is done and changed nothing: look around"
    told = await answer(world, "you", world.says("/agent spawn look around"))
    assert told.text == "You may not start agents: you are not among those who may."
    assert f"<@{named[0]}>, <@{named[1]}>" in shown(told)


async def test_a_user_group_names_its_members_but_no_guests(world: World) -> None:
    group = world.slack.add_usergroup(["teammate", "guest"])
    access = Access(spawn=(group,), admin=(world.slack.user("reviewer").id,))
    world.settings = world.settings.model_copy(update={"access": access})
    await world.begins()
    await world.says("/agent spawn look around", "teammate")
    await world.agent(1, Status.COMPLETED)
    told = await answer(world, "guest", world.says("/agent spawn look around", "guest"))
    assert told.text == f"You may not start agents: {GUESTS}."
    assert f"Who could: <!subteam^{group}>, " in shown(told)
    assert [view.id for view in await world.agents()] == [1]


async def test_a_list_has_yours_and_then_the_channels(world: World) -> None:
    gate = asyncio.Event()
    world.script["long"] = [Wait(gate)]
    await world.begins()
    await world.says("/agent spawn long of mine")
    await world.agent(1, Status.ACTIVE)
    await world.says("/agent spawn long of another", "teammate")
    await world.agent(2, Status.ACTIVE)
    told = await answer(world, "you", world.says("/agent list"))
    parts = ["2 agents, 2 of them", "Yours", "long of mine", "In this channel", "long of another"]
    places = [shown(told).index(part) for part in parts]
    assert places == sorted(places)
    assert "Waiting for you" not in shown(told)
    told = await answer(world, "teammate", world.says("list", "teammate", "@teammate"))
    assert "long of another" in shown(told)
    assert "long of mine" not in shown(told)
    gate.set()
    await world.ended(1, 2)


async def test_edits_and_deletions_start_nothing_more(world: World) -> None:
    await world.begins()
    root = await world.says("@agent look around")
    await world.agent(1, Status.COMPLETED)
    await world.until(world.terminals)
    await world.slack.edits("you", root, "@agent look around twice")
    await world.slack.edits("you", root, "@agent spawn another one")
    reply = await world.says("hm", "teammate", thread=root)
    await world.slack.edits("teammate", reply, "use sqlite")
    await world.slack.deletes("teammate", reply)
    other = await world.says("no mention at all")
    await world.slack.edits("you", other, "still none")
    await world.slack.deletes("you", other)
    await world.slack.deletes("you", root)
    told = await answer(world, "you", world.says("/agent whoami"))
    assert told.text.startswith("You are ")
    assert [view.task for view in await world.agents()] == ["look around"]
    assert len([m for m in world.slack.messages("general") if is_card(m)]) == 1
    assert len(world.terminals()) == 1


async def test_a_mention_that_an_edit_adds_counts_once(world: World) -> None:
    await world.begins()
    ts = await world.says("look around")
    await world.slack.edits("you", ts, "@agent look around")
    await world.agent(1, Status.COMPLETED)
    await world.slack.edits("you", ts, "look around")
    await world.slack.edits("you", ts, "@agent look around again")
    await answer(world, "you", world.says("/agent whoami"))
    assert [view.task for view in await world.agents()] == ["look around"]


async def test_a_bot_that_is_named_may_start_agents_and_decides_nothing(world: World) -> None:
    world.slack.add_user(Person("helper", is_bot=True))
    await world.slack.invites("general", "helper")
    bot = world.slack.user("helper").id
    access = world.settings.access.model_copy(update={"spawn": (bot,), "approve": (bot,)})
    world.settings = world.settings.model_copy(update={"access": access})
    await world.begins()
    await world.says("@agent look around", "helper")
    assert (await world.agent(1, Status.COMPLETED)).requester.id == bot
    root = await world.says("@agent workflow w: ?ok: Good? -> a: look", "reviewer")
    await world.until(lambda: [m for m in world.slack.thread("general", root) if "Plan" in m.text])
    await world.says("@agent start", "helper", thread=root)
    assert "a bot may only" in shown(await world.told("helper", "You may not"))
    assert len(await world.agents()) == 1
