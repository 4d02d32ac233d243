"""What people can say, and what they are told when it cannot be done."""

import asyncio

import pytest

from bot.local import Room
from bot.messages import AGAIN, REPAIR
from engine import Cause, Repo, Status
from engine.scripted import Wait, Write, failure
from tests.conversations.conftest import World, is_card, shown
from tests.worker.conftest import repository

pytestmark = pytest.mark.parametrize("database_kind", ["sqlite"])  # nothing here depends on it

EN, EM = "\N{EN DASH}", "\N{EM DASH}"  # phones write them for two hyphens


async def refusal(world: World, typed: str, part: str, who: str = "you") -> str:
    """Type something that is refused; the whole of what its author alone is told."""
    before = len(await world.agents())
    await world.says(typed, who=who)
    told = shown(await world.told(who, part))
    assert len(await world.agents()) == before
    return told


async def test_one_agent_can_be_asked_about_by_its_number(world: World) -> None:
    world.script["note"] = [Write("note.txt", "x")]
    await world.begins()
    await world.says("/agent spawn write a note")
    await world.until(world.terminals)
    await world.says("/agent status 1")
    assert "Agent 1 is done" in shown(await world.told("you", "attempt 1: completed"))
    await world.says("/agent logs #1")
    assert "Writing note.txt" in shown(await world.told("you", "What agent 1 did"))
    await world.says("/agent list")
    assert "write a note" in shown(await world.told("you", "1 agent, 0 of them under way"))
    await world.says("/agent diff 1")
    await world.told("you", "The diff of agent 1 follows")
    [file] = await world.until(world.slack.files)
    assert file.name == "agent-1.diff"
    await world.says("/agent cancel 1")
    await world.told("you", "Agent 1 is done; there is nothing to stop")
    await world.says("/agent retry 1")
    await world.told("you", "Retry is for what failed or was stopped")


async def test_in_its_thread_an_agent_needs_no_number(world: World) -> None:
    world.script["try"] = [Write("note.txt", "x"), failure(Cause.MODEL)]
    await world.begins()
    root = await world.says("@agent try this")
    await world.until(world.terminals)
    for verb, part in (
        ("status", "attempt 1: failed"),
        ("logs", "What agent 1 did"),
        ("diff", "The diff of agent 1 follows"),
        ("cancel", "there is nothing to stop"),
        ("list", "failed: "),
    ):
        await world.says(f"@agent {verb}", thread=root)
        told = await world.told("you", part)
        assert told.thread_ts == root
    world.script["try"] = []
    await world.says("@agent retry", thread=root)
    await world.told("you", "Agent 1 is queued again")
    assert (await world.agent(1, Status.COMPLETED)).attempt == 2


async def test_several_agents_of_a_thread_are_never_guessed_at(world: World) -> None:
    gate = asyncio.Event()
    world.script["long"] = [Wait(gate)]
    await world.begins()
    root = await world.says("@agent long one")
    await world.says("@agent spawn long two", thread=root)
    await world.agent(2, Status.ACTIVE)
    await world.says("@agent cancel", thread=root)
    told = shown(await world.told("you", "Which agent?"))
    assert "long one" in told
    assert "long two" in told
    await world.says("@agent cancel 2", thread=root)
    await world.agent(2, Status.CANCELLED)
    assert (await world.agent(1, Status.ACTIVE)).id == 1
    gate.set()
    await world.agent(1, Status.COMPLETED)


async def test_a_queued_agent_can_be_cancelled(world: World) -> None:
    gate = asyncio.Event()
    world.script["long"] = [Wait(gate)]
    world.settings = world.settings.model_copy(
        update={"limits": world.settings.limits.model_copy(update={"slots": 1})}
    )
    await world.begins()
    await world.says("/agent spawn long one")
    await world.agent(1, Status.ACTIVE)
    await world.says("/agent spawn long two")
    await world.agent(2, Status.PENDING)
    await world.says("/agent stop 2")
    await world.told("you", "Agent 2 is being stopped")
    view = await world.agent(2, Status.CANCELLED)
    assert view.attempt == 0
    await world.until(world.terminals)
    assert world.terminals()[0].text.startswith("Agent 2 was stopped")
    gate.set()


async def test_help_and_whoami(world: World) -> None:
    await world.begins()
    await world.says("/agent help")
    assert "/agent spawn" in shown(await world.told("you", "Coding agents"))
    await world.says("/agent")
    await world.until(lambda: len(world.slack.ephemerals("you")) == 2)
    await world.says("/agent help retry")
    await world.told("you", "Help for retry")
    await world.says("/agent whoami", who="guest")
    told = shown(await world.told("guest", world.slack.user("guest").id))
    assert "You may not start agents" in told


REFUSED = [
    ("/agent spwan fix the *login*", "Did you mean"),
    ("/agent fix the *login*", "is no command"),
    ("/agent spawn --timeout soon fix the *login*", "is no duration"),
    ("/agent spawn --budget lots fix the *login*", "is no amount"),
    ("/agent spawn --bugdet 3 fix the *login*", "Did you mean"),
    ("/agent status the *login* thing", "is no agent's number"),
    ("@agent cancle 12", "Did you mean"),
]


async def test_a_refusal_quotes_what_was_typed(world: World) -> None:
    await world.begins(works=False)
    for number, (typed, part) in enumerate(REFUSED, start=1):
        await world.says(typed)
        await world.until(lambda number=number: len(world.slack.ephemerals("you")) == number)  # type: ignore[misc]
        told = world.slack.ephemerals("you")[-1]
        assert part in shown(told)
        assert typed.split(maxsplit=1)[1] in shown(told)
        assert told.thread_ts is None  # there is no thread to be seen in
    assert await world.agents() == []


async def test_what_a_refusal_suggests_is_one_press_away(world: World) -> None:
    await world.begins()
    await refusal(world, "/agent spwan fix <the> login", "Did you mean")
    await world.slack.presses("you", world.slack.ephemerals("you")[-1], REPAIR)
    assert (await world.agent(1, Status.COMPLETED)).task == "fix <the> login"


async def test_an_agent_that_does_not_exist_is_said_so(world: World) -> None:
    await world.begins()
    assert "99" in await refusal(world, "/agent status 99", "no agent 99")


async def test_a_channel_without_the_bot_is_refused_before_anything_is_made(world: World) -> None:
    world.slack.add_channel(Room("quiet", bot=False))
    await world.begins()
    await world.says("/agent spawn fix the login", where="quiet")
    told = shown(await world.told("you", "/invite @agent"))
    assert "fix the login" in told
    assert await world.agents() == []
    assert world.slack.messages("quiet") == []
    await world.slack.invites("quiet", "agent")
    await world.says("/agent spawn fix the login", where="quiet")
    await world.until(lambda: world.terminals("quiet"))


async def test_somebody_who_may_not_is_told_their_id(world: World) -> None:
    gate = asyncio.Event()
    world.script["long"] = [Wait(gate)]
    await world.begins()
    guest = world.slack.user("guest").id
    assert guest in await refusal(world, "/agent spawn fix it", "You may not start agents", "guest")
    assert guest in await refusal(world, "@agent fix it", "You may not start agents", "guest")
    await world.says("/agent spawn long")
    card = await world.card()
    await world.slack.presses("teammate", card.ts, "Stop")
    told = shown(await world.told("teammate", "You may not stop this agent"))
    assert world.slack.user("teammate").id in told
    assert (await world.agent(1, Status.ACTIVE)).cancelling is False
    await world.slack.presses("reviewer", card.ts, "Stop")  # an admin
    await world.agent(1, Status.CANCELLED)


def with_two_repositories(world: World) -> None:
    """A second repository beside the shop."""
    stock = repository(world.home.parent / "stock")
    repos = {**world.settings.repos, "stock": Repo(path=stock)}
    world.settings = world.settings.model_copy(update={"repos": repos})


async def test_of_two_repositories_one_must_be_named(world: World) -> None:
    with_two_repositories(world)
    await world.begins()
    told = await refusal(world, "/agent spawn fix the *login*", "Which repository?")
    assert "spawn fix the *login*" in told
    await world.slack.presses("you", world.slack.ephemerals("you")[-1], "stock")
    view = await world.agent(1, Status.COMPLETED)
    assert (view.repo, view.task) == ("stock", "fix the *login*")
    await world.says("/agent spawn --repo shop fix the login")
    assert (await world.agent(2, Status.COMPLETED)).repo == "shop"
    told = await refusal(world, "/agent spawn --repo shed fix the *login*", "“shed”")
    assert "shop, stock" in told
    assert "spawn --repo shed fix the *login*" in told


async def test_the_same_wish_again_is_asked_about(world: World) -> None:
    gate = asyncio.Event()
    world.script["long"] = [Wait(gate)]
    await world.begins()
    await world.says("/agent spawn long")
    await world.agent(1, Status.ACTIVE)
    told = await refusal(world, "/agent spawn long", "Already started agent 1")
    assert "Start another" in told
    asked = world.slack.ephemerals("you")[-1]
    await world.slack.presses("you", asked, AGAIN)
    await world.agent(2, Status.ACTIVE)
    await world.told("you", "Agent 2 is queued")
    assert world.slack.buttons(world.slack.message(asked.ts, "you")) == []
    await world.says("/agent spawn long", who="teammate")  # somebody else's wish is another
    await world.agent(3, Status.ACTIVE)
    gate.set()
    await world.until(lambda: len(world.terminals()) == 3)
    cards = [m for m in world.slack.messages("general") if is_card(m)]
    assert [card.thread_ts for card in cards] == [None] * 3


async def test_a_message_can_be_made_a_task(world: World) -> None:
    await world.begins()
    ts = await world.says("list the <b>tags</b> & #general's @teammate", who="teammate")
    assert (await world.slack.shortcut("you", "spawn", ts)).ok
    view = await world.agent(1, Status.COMPLETED)
    assert view.task == "list the <b>tags</b> & #general's @teammate"
    assert view.requester.name == "you"
    await world.until(world.terminals)
    assert world.terminals()[0].thread_ts == ts
    await world.told("you", "Agent 1 is queued")


async def test_a_direct_message_needs_no_mention(world: World) -> None:
    await world.begins()
    ts = await world.says("look around", where="@you")
    assert (await world.agent(1, Status.COMPLETED)).task == "look around"
    await world.until(lambda: world.terminals("@you"))
    assert [m.thread_ts for m in world.slack.messages("@you")] == [None, ts, ts]
    await world.says("list", where="@you")
    assert "look around" in shown(await world.told("you", "1 agent, 0 of them"))


async def test_talk_that_is_not_meant_for_the_agent_does_nothing(world: World) -> None:
    await world.begins()
    ts = await world.says("fix the login, @teammate")
    await world.slack.edits("you", ts, "fix the logout, @teammate")
    await world.says("@agent look around", where="random")
    await world.until(lambda: world.terminals("random"))
    assert [view.task for view in await world.agents()] == ["look around"]
    assert len(world.slack.messages("general")) == 1


TEXTS = [
    "say \"hello\" and 'bye' to “everybody”",
    "first\n\n  second, indented\n\tthird",
    "ask @teammate in #general, not @nobody in #nowhere",
    "read https://example.org/a?b=1&c=2 and mail me@example.org, see README.md and http.py",
    "make a < b && c > d &amp; keep &gt; as it is",
    "try this:\n```\nif a < b && \"c\":\n    print('<@U1>')\n```\nand `x > y`",
    "paint it 🎨 :tada: ünïcödé 漢字",
    f"an en{EN}dash, an em{EM}dash, and --repo in the middle",
    "*bold* _it_ ~no~ > quote",
]


@pytest.mark.parametrize("way", ["/agent spawn ", "@agent "])
async def test_a_task_is_exactly_what_was_typed(world: World, way: str) -> None:
    await world.begins(works=False)
    for number, text in enumerate(TEXTS, start=1):
        await world.says(way + text)
        assert (await world.agent(number, Status.PENDING)).task == text


@pytest.mark.parametrize("way", ["/agent spawn ", "@agent "])
async def test_pasted_markup_means_what_it_shows(world: World, way: str) -> None:
    await world.begins()
    person, channel = world.slack.user("teammate").id, world.slack.channel("general").id
    await world.says(f"{way}ask <@{person}> in <#{channel}|general> about <https://example.org>")
    view = await world.agent(1, Status.COMPLETED)
    assert view.task == "ask @teammate in #general about <https://example.org>"


@pytest.mark.parametrize("way", ["/agent spawn ", "@agent spawn "])
async def test_options_written_on_a_phone_are_options(world: World, way: str) -> None:
    task = f"{EM}repo is “new” {EN} ok"
    await world.begins()
    await world.says(
        f"{way}{EM}role reviewer {EN}timeout 5m {EM}budget 2,50 {EN}base main -- {task}"
    )
    view = await world.agent(1, Status.COMPLETED)
    assert (view.role, view.base, view.task) == ("reviewer", "main", task)
    [card] = [m for m in world.slack.messages("general") if is_card(m)]
    assert "reviewer" in shown(card)
