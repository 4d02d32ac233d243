"""Whatever is typed wrongly gets one clear sentence, and starts nothing."""

from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest
from slack_sdk.web.async_client import AsyncWebClient
from structlog.testing import capture_logs

from bot import messages
from bot.local import Message, Person, Room
from engine import Limits
from tests.conversations.conftest import World, shown

# what is typed after /agent, and a part of the answer
TYPED = [
    ("spawn", "The task is missing"),
    ("spawn   ", "The task is missing"),
    ('spawn ""', "The task is missing"),
    ("spawn --", "The task is missing"),
    ("spawn --repo shop", "The task is missing"),
    ("spawn --repo", "--repo"),
    ("spawn --repo nowhere fix", "no repository"),
    ("spawn --repo ../etc fix", "no repository"),
    ("spawn --repo=  fix", "--repo"),
    ("spawn --rpo shop fix", "Did you mean `--repo`"),
    ("spawn --frobnicate fix", "no option"),
    ("spawn --timeout fix it", "time"),
    ("spawn --timeout 5 fix", "5"),
    ("spawn --timeout 0s fix", "0s"),
    ("spawn --timeout -5m fix", "-5m"),
    ("spawn --timeout 1s fix", "1s"),
    ("spawn --timeout 99h fix", "99h"),
    ("spawn --timeout 1e9m fix", "1e9m"),
    ("spawn --timeout thirty fix", "thirty"),
    ("spawn --budget fix", "fix"),
    ("spawn --budget 0 fix", "0"),
    ("spawn --budget -1 fix", "-1"),
    ("spawn --budget 1000000 fix", "1000000"),
    ("spawn --budget 6 fix", "at most"),
    ("spawn --budget NaN fix", "NaN"),
    ("spawn --budget inf fix", "inf"),
    ("spawn --budget 1,2,3 fix", "1,2,3"),
    ("spawn --model fix", "The task is missing"),
    ("spawn --repo shop --repo shop fix", "twice"),
    ('spawn --role "never closed fix', "quot"),
    ("status", "Which agent"),
    ("status 99", "no agent 99"),
    ("status 0", "no agent's number"),
    ("status -1", "no agent's number"),
    ("status 1.5", "no agent's number"),
    ("status twelve", "no agent's number"),
    ("status 12 13", "no agent's number"),
    ("status 99999999999999999", "no agent"),
    ("status 999999999999999999999999", "no agent's number"),
    ("status ١٢", "no agent's number"),
    ("status <@U000000001>", "no agent's number"),
    ("status '; DROP TABLE nodes; --", "no agent's number"),
    ("logs", "Which agent"),
    ("logs 99", "no agent 99"),
    ("logs x", "no agent's number"),
    ("diff", "Which agent"),
    ("diff 99", "no agent 99"),
    ("diff HEAD", "no agent's number"),
    ("cancel", "Which agent"),
    ("cancel 99", "no agent 99"),
    ("cancel all", "no agent's number"),
    ("stop", "Which agent"),
    ("retry", "Which agent"),
    ("retry 99", "no agent 99"),
    ("retry it", "no agent's number"),
    ("list all", "takes nothing more"),
    ("whoami please", "takes nothing more"),
    ("resume now", "takes nothing more"),
    ("pause the music", "takes nothing more"),
    ("help me", "no help for"),
    ("fix the login", "no command"),
    ("spwan fix the login", "Did you mean"),
    ("cancle 12", "Did you mean"),
    ("SPAWN", "The task is missing"),
    ("--repo shop fix", "no command"),
    ("/agent fix", "no command"),
    ("12", "no command"),
    ("?", "no command"),
    ("🙂", "no command"),
    ("\u202espawn fix", "no command"),
    ("spawn\u00a0", "task is missing"),
    ("&lt;script&gt;alert(1)&lt;/script&gt;", "no command"),
    ("`rm -rf /`", "no command"),
    ("<!channel> fix", "no command"),
    ("x" * 3000, "no command"),
    ("spawn " + "x" * 30_001, "30,000"),
]


Act = Callable[[World], Awaitable[object]]
LEFT_OUT = object()  # stands for no value at all


def types(text: str, who: str = "you", where: str = "general") -> Act:
    """Somebody writes a message, or a command."""
    return lambda world: world.says(text, who, where)


def then(text: str, change: Callable[[World, str], Awaitable[object]], told: str = "") -> Act:
    """A message is written, answered if it is to be, and changed afterwards."""

    async def act(world: World) -> None:
        ts = await world.says(text)
        if told:
            await world.told("you", told)
        await change(world, ts)

    return act


def edited(into: str) -> Callable[[World, str], Awaitable[object]]:
    """What was written is changed."""
    return lambda world, ts: world.slack.edits("you", ts, into)


def deleted(world: World, ts: str) -> Awaitable[object]:
    """What was written is deleted."""
    return world.slack.deletes("you", ts)


def replied(text: str, who: str = "you") -> Act:
    """A reply in a thread that has no agent."""

    async def act(world: World) -> None:
        root = await world.says("what about the login?", "teammate")
        await world.says(text, who, thread=root)

    return act


def uploaded(text: str) -> Act:
    """A message with a file."""
    return lambda world: world.slack.says("you", "general", text, files=[("a.txt", b"fix it")])


def shortened(who: str) -> Act:
    """Somebody uses the shortcut on a message of another."""

    async def act(world: World) -> None:
        ts = await world.says("the login fails", "teammate")
        assert (await world.slack.shortcut(who, "spawn", ts)).ok

    return act


def event(where: str = "general", **given: Any) -> Act:
    """An event as Slack could send it; `@me` in its text is a mention of the bot."""

    async def act(world: World) -> None:
        kind = "im" if where.startswith("@") else "channel"
        usual = {"type": "message", "channel_type": kind, "user": world.slack.user("you").id}
        stamp = {"ts": f"{100 + len(world.slack.deliveries)}.000100"}
        shape = {**usual, **stamp, "channel": world.slack.channel(where).id, **given}
        if isinstance(shape.get("text"), str):
            shape["text"] = shape["text"].replace("@me", f"<@{world.slack.bot_user}>")
        body = {"type": "event_callback", "team_id": "T000000001"}
        kept = {key: value for key, value in shape.items() if value is not LEFT_OUT}
        assert await world.slack.sends("events_api", {**body, "event": kept})

    return act


def pressed(action: str, value: str) -> Act:
    """A button that the bot has not made, or not lately."""

    async def act(world: World) -> None:
        body = {
            "type": "block_actions",
            "team": {"id": "T000000001"},
            "user": {"id": world.slack.user("you").id},
            "channel": {"id": world.slack.channel("general").id},
            "container": {"type": "message", "message_ts": "1.1", "is_ephemeral": False},
            "trigger_id": f"{action}.{value}"[:60],
            "actions": [{"type": "button", "action_id": action, "value": value, "action_ts": "1"}],
        }
        assert await world.slack.sends("interactive", body)

    return act


def interacted(**body: Any) -> Act:
    """Something else that people do with an app."""
    return lambda world: world.slack.sends(
        "interactive", {"user": {"id": world.slack.user("you").id}, **body}
    )


def spoken(where: str = "general") -> Act:
    """The bot itself says something, and changes it."""

    async def act(world: World) -> None:
        client = AsyncWebClient(world.slack.bot_token, base_url=world.slack.api_url)
        text = f"<@{world.slack.bot_user}> fix the login"
        channel = world.slack.channel(where).id
        posted = await client.chat_postMessage(channel=channel, text=text)
        await client.chat_update(channel=channel, ts=posted["ts"], text=f"{text}!")

    return act


NOT_TO_US = ""  # nobody is told anything: it was not said to the bot, or not by somebody
FOREIGN = "people of other workspaces may only when their id is named"
GUESTS = "guests may only when their id is named"

# what happens otherwise than by a typed command, who does it, and a part of what they are told
HAPPENS: list[tuple[str, Act, str, str]] = [
    ("a mention alone", types("@agent"), "you", "Coding agents"),
    ("two mentions alone", types("@agent @agent"), "you", "Coding agents"),
    ("a mention without a task", types("@agent spawn"), "you", "The task is missing"),
    ("a mention with a slip", types("@agent cancle 12"), "you", "Did you mean"),
    ("a mention of no agent", types("@agent status 98"), "you", "no agent 98"),
    ("a mention with a file", uploaded("@agent"), "you", "Coding agents"),
    ("a mention too long", types("@agent " + "x" * 30_001), "you", "30,000"),
    ("a mention of an unknown repository", types("@agent --repo no fix"), "you", "no repository"),
    ("a direct message of no agent", types("logs 97", where="@you"), "you", "no agent 97"),
    ("a number in a thread without agents", replied("@agent cancel"), "you", "no agent in this"),
    ("a slip in a thread", replied("@agent retry it"), "you", "no agent's number"),
    ("plain talk", types("fix the login"), "you", NOT_TO_US),
    ("talk about agents", types("agent, spawn a fix"), "you", NOT_TO_US),
    ("talk to somebody", types("@teammate fix the login"), "you", NOT_TO_US),
    ("a mention in code", types("type `@agent fix it`"), "you", NOT_TO_US),
    ("a reply in a thread without agents", replied("use sqlite"), "you", NOT_TO_US),
    ("a mention where the bot is not", types("@agent fix", where="quiet"), "you", NOT_TO_US),
    ("a file", uploaded(""), "you", NOT_TO_US),
    ("talk, edited", then("fix it", edited("fix it now")), "you", NOT_TO_US),
    ("talk, edited to a command", then("fix it", edited("/agent spawn fix")), "you", NOT_TO_US),
    ("talk, deleted", then("fix it", deleted), "you", NOT_TO_US),
    (
        "a refused mention, edited into a good one",
        then("@agent status 96", edited("@agent spawn fix it"), "no agent 96"),
        "you",
        "no agent 96",
    ),
    (
        "a refused mention, edited to talk",
        then("@agent status 95", edited("never mind"), "no agent 95"),
        "you",
        "no agent 95",
    ),
    (
        "a refused mention, deleted",
        then("@agent status 94", deleted, "no agent 94"),
        "you",
        "no agent 94",
    ),
    ("a stranger's mention", types("@agent fix it", "partner"), "partner", FOREIGN),
    ("a stranger's command", types("/agent spawn fix", "partner"), "partner", FOREIGN),
    ("a stranger's direct message", types("fix it", "partner", "@partner"), "partner", FOREIGN),
    ("a stranger's shortcut", shortened("partner"), "partner", FOREIGN),
    ("a stranger's talk", types("fix it", "partner"), "partner", NOT_TO_US),
    ("a guest's mention", types("@agent fix it", "guest"), "guest", GUESTS),
    ("a guest's command", types("/agent spawn fix", "guest"), "guest", GUESTS),
    ("a guest's direct message", types("fix it", "guest", "@guest"), "guest", GUESTS),
    ("a guest's shortcut", shortened("guest"), "guest", GUESTS),
    ("a bot's mention", types("@agent fix it", "helper"), "helper", NOT_TO_US),
    ("a bot's talk", types("spawn fix it", "helper"), "helper", NOT_TO_US),
    ("our own words", spoken(), "you", NOT_TO_US),
    ("our own words to one", spoken(where="@you"), "you", NOT_TO_US),
    ("a message that joins", event(subtype="channel_join", text="@me fix"), "you", NOT_TO_US),
    ("a new topic", event(subtype="channel_topic", text="@me fix"), "you", NOT_TO_US),
    ("a reminder", event(subtype="reminder_add", text="@me fix"), "you", NOT_TO_US),
    (
        "a webhook",
        event(subtype="bot_message", bot_id="B9", text="@me fix", user=LEFT_OUT),
        "you",
        NOT_TO_US,
    ),
    ("a message of nobody", event(text="@me fix", user=LEFT_OUT), "you", NOT_TO_US),
    ("a message without a text", event(text=LEFT_OUT), "you", NOT_TO_US),
    ("a direct message without a text", event("@you", text=None), "you", "Coding agents"),
    ("a direct message of spaces", event("@you", text=" \n\t "), "you", "Coding agents"),
    ("a NUL", event("@you", text="status \0"), "you", "no agent in this thread"),
    ("half a character", event("@you", text="status \ud83d"), "you", "no agent's number"),
    ("terminal sequences", event("@you", text="status \x1b[2J"), "you", "no agent's number"),
    ("an open token", event("@you", text="status <@U1"), "you", "no agent's number"),
    ("an empty token", event("@you", text="status <>"), "you", "no agent's number"),
    ("a token in a token", event("@you", text="status <<!here>>"), "you", "no agent's number"),
    ("another event", event(type="reaction_added", reaction="eyes"), "you", NOT_TO_US),
    ("a button of nobody", pressed("somebody.else", "12"), "you", NOT_TO_US),
    ("a button without a number", pressed(messages.STOP, "x"), "you", NOT_TO_US),
    ("a button of no agent", pressed(messages.STOP, "93"), "you", "no agent 93"),
    ("a repair of nothing", pressed(messages.REPAIR, "command:0"), "you", NOT_TO_US),
    ("a choice of nothing", pressed(messages.PICK, "shop"), "you", NOT_TO_US),
    ("no button at all", interacted(type="block_actions", actions=[]), "you", NOT_TO_US),
    ("a shortcut on nothing", interacted(type="message_action"), "you", NOT_TO_US),
    ("a shortcut elsewhere", interacted(type="shortcut", callback_id="x"), "you", NOT_TO_US),
    (
        "a form of nobody",
        interacted(type="view_submission", view={"id": "V1", "callback_id": "x"}),
        "you",
        NOT_TO_US,
    ),
]


LOUD = frozenset({"warning", "error", "critical"})
STOOD_STILL = "the scheduler does not poll"  # says something of the machine alone


@pytest.fixture
def nothing_fails(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Nothing that the test does is an error, or an exception, in any log."""
    with capture_logs() as ours:
        yield
    loud = [line for line in ours if line["log_level"] in LOUD and line["event"] != STOOD_STILL]
    assert loud == []
    records = [(r.name, r.message) for r in caplog.records if r.levelname.lower() in LOUD]
    assert records == []


@pytest.mark.usefixtures("nothing_fails")
@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
async def test_every_bad_command_is_answered_once_and_starts_nothing(world: World) -> None:
    world.settings = world.settings.model_copy(update={"limits": Limits(per_user=50)})
    await world.begins()
    wrong = []
    for typed, part in TYPED:
        told = await _answers(world, typed)
        if [part.lower() in shown(message).lower() for message in told] != [True]:
            wrong.append((typed[:60], part, [message.text for message in told]))
        assert len(told[0].text) <= 120
    assert wrong == []
    await world.interpreted()
    assert await world.agents() == []
    assert world.slack.messages("general") == []


async def _answers(world: World, typed: str) -> list[Message]:
    """Type a command; what its author alone is told then."""
    before = len(world.slack.ephemerals("you"))
    await world.says(f"/agent {typed}")
    return await world.until(lambda: world.slack.ephemerals("you")[before:])


@pytest.mark.usefixtures("nothing_fails")
@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
async def test_whatever_happens_is_answered_once_or_was_not_meant(world: World) -> None:
    world.slack.add_channel(Room("quiet", bot=False))
    for person in (Person("partner", is_stranger=True), Person("helper", is_bot=True)):
        world.slack.add_user(person)
        await world.slack.invites("general", person.name)
    await world.begins()
    wrong = []
    for name, act, who, part in HAPPENS:
        before = len(world.slack.ephemerals(who))
        await act(world)
        if part:
            await world.until(lambda who=who, before=before: world.slack.ephemerals(who)[before:])  # type: ignore[misc]
        told = [shown(message) for message in world.slack.ephemerals(who)[before:]]
        if [part.lower() in said.lower() for said in told] != [True] * bool(part):
            wrong.append((name, part, told))
    assert wrong == []
    await nothing_more(world)


async def nothing_more(world: World) -> None:
    """Everything was carried out, and no more was told than the table says."""
    await world.says("/agent whoami")
    await world.told("you", "You may start agents")
    await world.interpreted()
    assert await world.agents() == []
    expected = Counter(who for _, _, who, part in HAPPENS if part)
    people = ("you", "teammate", "partner", "guest", "helper")
    told = {who: len(world.slack.ephemerals(who)) for who in people}
    assert told == {who: expected[who] + (who == "you") for who in people}
    for channel in ("general", "random", "quiet", "@you", "@guest", "@partner"):
        assert [message.text for message in world.slack.messages(channel) if message.metadata] == []


def test_there_are_enough_of_them() -> None:
    assert len({typed for typed, _ in TYPED}) + len({name for name, *_ in HAPPENS}) >= 130
