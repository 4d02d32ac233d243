"""What an admin does by the README: three repositories, wrong configurations, a changed file."""

import signal
from pathlib import Path

import pytest

from bot.local import LocalSlack, Message, Room
from engine.states import Status
from tests import repositories
from tests.processes.conftest import LONG, REST, SECONDS, Installation, Running, shown

pytestmark = pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)

BACKEND = """
[repos.shop]
path = "{root}/shop"
channels = ["{backend}"]
"""
OTHERS = """
[repos.docs]
path = "{root}/docs"
channels = ["{writers}"]

[repos.site]
url = "{root}/site.git"
channels = ["{web}"]
"""
FIRST = """
[access]
admin = ["{reviewer}"]
spawn = ["*"]
[limits]
slots = 2
[agent]
sandbox = "off"
[poll]
seconds = 0.2
"""
CHANGED = """
[access]
admin = ["{reviewer}"]
spawn = ["{you}"]
[limits]
slots = 1
timeout_minutes = 5
[agent]
sandbox = "off"
[poll]
seconds = 0.2
"""


def found(slack: LocalSlack, root: Path) -> dict[str, object]:
    """What the admin has looked up in Slack, and where the repositories are."""
    rooms = {name: slack.channel(name).id for name in ("backend", "writers", "web")}
    return {"root": root, **rooms, **{w: slack.user(w).id for w in ("you", "teammate", "reviewer")}}


def writes(mab: Installation, *parts: str) -> None:
    mab.config.write_text("".join(parts).format(**found(mab.slack, mab.root)))


@pytest.fixture
async def three(mab: Installation) -> Installation:
    """Two directories and one remote, and a channel for each."""
    for name in ("backend", "writers", "web"):
        mab.slack.add_channel(Room(name, members=("you", "teammate", "reviewer")))
    repositories.create(mab.root / "docs")
    source = repositories.create(mab.root / "source")
    remote = mab.root / "site.git"
    repositories.git(mab.root, "clone", "--quiet", "--bare", str(source), str(remote))
    writes(mab, FIRST, BACKEND, OTHERS)
    return mab


async def spawns(mab: Installation, channel: str, task: str) -> Message:
    """Ask for an agent in a channel; the card."""
    slack = mab.slack
    assert (await slack.commands("you", channel, f"/agent spawn {task}")).ok
    await slack.settled(lambda: _cards(slack, channel, task), timeout=SECONDS)
    return _cards(slack, channel, task)[0]


def _cards(slack: LocalSlack, channel: str, task: str) -> list[Message]:
    roots = [message for message in slack.messages(channel) if message.thread_ts is None]
    return [message for message in roots if task in shown(message)]


def told(mab: Installation, channel: str, card: Message) -> list[str]:
    """What the card's thread was told."""
    return [message.text for message in mab.slack.thread(channel, card.ts)[1:]]


async def last_word(mab: Installation, channel: str, card: Message) -> str:
    """The only thing that the card's thread is told, once it is."""
    await mab.slack.settled(lambda: told(mab, channel, card), timeout=SECONDS)
    (word,) = told(mab, channel, card)
    return word


async def ends(program: Running) -> None:
    program.signal(signal.SIGTERM)
    assert await program.ended(within=40) == 0, program.said()


def branches(repository: Path) -> list[str]:
    listed = repositories.git(
        repository, "branch", "--list", "agent/*", "--format=%(refname:short)"
    )
    return [name.split("-")[0] for name in listed.splitlines()]


async def test_three_repositories_each_in_its_channel(three: Installation) -> None:
    await three.plays(stock=[REST], manual=[REST], style=[REST])
    doctor = await three.starts("doctor")
    assert await doctor.ended() == 0, doctor.said()
    me = three.slack.user("reviewer")
    assert f"✓ Access admin: {me.id} (reviewer)" in doctor.said()
    assert f"✓ Channels of site: {three.slack.channel('web').id} (#web)" in doctor.said()
    serving = await three.serves()
    tasks = {"backend": "stock", "writers": "manual", "web": "style"}
    cards = {place: await spawns(three, place, task) for place, task in tasks.items()}
    for place, card in cards.items():
        assert "is done" in await last_word(three, place, card)
    for repository, number in (("shop", 1), ("docs", 2), ("site.git", 3)):
        assert branches(three.root / repository) == [f"agent/{number}"]
    await three.slack.commands("you", "backend", "/agent spawn --repo site style")
    await three.slack.settled(
        lambda: "site" in three.slack.ephemerals("you")[-1].text, timeout=SECONDS
    )
    assert len(await three.ledger.recent(three.slack.user("you").id, 9)) == 3
    await ends(serving)


async def test_a_changed_file_is_taken_by_a_restart_and_nothing_is_lost(
    three: Installation,
) -> None:
    await three.plays(stock=[LONG, REST])
    writes(three, FIRST, BACKEND)
    first = await three.serves()
    card = await spawns(three, "backend", "stock")
    await three.at_work()
    writes(three, CHANGED, OTHERS)
    await ends(first)
    second = await three.serves()
    await three.slack.commands("teammate", "writers", "/agent spawn manual")
    await three.slack.settled(lambda: three.slack.ephemerals("teammate"), timeout=SECONDS)
    assert "may not start agents" in three.slack.ephemerals("teammate")[-1].text
    (left,) = await three.ledger.unfinished()
    assert (left.id, left.status) == (1, Status.PENDING), "it waits for its repository"
    assert told(three, "backend", card) == []
    writes(three, CHANGED, BACKEND, OTHERS)
    await ends(second)
    third = await three.serves()
    assert "is done" in await last_word(three, "backend", card)
    assert await three.runs(1) == [(1, "handed_over"), (2, "completed")]
    assert {"half.txt", "rest.txt"} <= set(await three.on_branch(1))
    await ends(third)


@pytest.mark.parametrize("name", ["SLACK_BOT_TOKEN", "SLACK_APP_TOKEN"])
async def test_a_token_that_slack_refuses_ends_serve_with_its_name(
    mab: Installation, name: str
) -> None:
    program = await mab.starts("serve", **{name: "xoxb-not-a-token-of-this-place"})
    assert await program.ended() == 1
    assert f"Slack refuses {name}: invalid_auth" in program.said()
    assert "Traceback" not in program.said()


async def test_slack_that_is_away_is_no_reason_to_end(mab: Installation) -> None:
    await mab.slack.goes_down()
    serving = await (await mab.starts("serve")).ready()
    await ends(serving)


async def test_what_is_typed_wrongly_is_a_sentence(three: Installation) -> None:
    typed = {
        ('"{reviewer}"', '"@reviewer"'): "'@reviewer' is no Slack id",
        ('"{backend}"', '"#backend"'): "'#backend' is no channel id (C…)",
    }
    for (before, after), expected in typed.items():
        writes(three, (FIRST + BACKEND).replace(before, after))
        program = await three.starts("serve")
        assert await program.ended() == 1
        assert expected in program.said()
        assert "Traceback" not in program.said()


async def test_the_doctor_says_what_serve_would_refuse(three: Installation) -> None:
    writes(three, BACKEND.replace("{backend}", "C0NOWHERE"))
    doctor = await three.starts("doctor", DATABASE_URL="")  # nothing is there yet
    assert await doctor.ended() == 1
    said = doctor.said()
    assert "✓ Threads: all can be told what happens" in said
    assert "✗ Policy: nobody is admin: `mab serve` does not start" in said
    assert "✗ Policy: [access] spawn is empty: `mab serve` does not start" in said
    assert "✗ Channels of shop: C0NOWHERE (unknown to Slack" in said
    assert f'{three.config}:4: channels = ["C0NOWHERE"]' in said
