"""What people are told, whatever becomes of the way to Slack: once, in order, whole."""

import asyncio
from collections.abc import Callable

import pytest
from sqlalchemy import update

from bot.connection import web_client
from bot.local import Message
from bot.messages import RETRY, VIEW_DIFF, ended
from bot.metrics import Metrics
from bot.places import channel_of
from bot.posting import Mark, Poster, Spot
from engine import AgentResult, Cause, Ended, Engine, Status
from engine.models import Clock
from engine.scripted import Finish, Wait, Write, failure
from tests.conversations.conftest import World, eventually, is_card, is_notice, is_terminal, shown

sqlite = pytest.mark.parametrize("database_kind", ["sqlite"])  # the ledger's part is simple here


def only(world: World, wanted: Callable[[Message], bool]) -> Message:
    """The one message of this kind in #general."""
    [message] = [m for m in world.slack.messages("general") if wanted(m)]
    return message


async def all_told(world: World) -> None:
    """Wait for the last word, and for the ledger's knowing that it was said."""
    await world.until(world.terminals)
    await world.delivered()


async def test_a_card_whose_answer_is_lost_stands_once(world: World) -> None:
    await world.begins()
    world.slack.faults.lose_answers("chat.postMessage")
    await world.says("/agent spawn look around")
    await all_told(world)
    card = only(world, is_card)
    assert only(world, is_terminal).thread_ts == card.ts


@sqlite
async def test_a_card_in_a_thread_whose_answer_is_lost_stands_once(world: World) -> None:
    await world.begins()
    world.slack.faults.lose_answers("chat.postMessage")
    root = await world.says("@agent look around")
    await all_told(world)
    assert only(world, is_card).thread_ts == root
    assert only(world, is_terminal).thread_ts == root


FAULTS = ["lose_answers", "server_errors", "unavailable", "rate_limits", "reset_connections"]


@pytest.mark.parametrize("fault", FAULTS)
@sqlite
async def test_a_terminal_message_survives_what_slack_answers(world: World, fault: str) -> None:
    gate = asyncio.Event()
    world.script["look"] = [Wait(gate)]
    await world.begins()
    await world.says("/agent spawn look around")
    await world.card()
    getattr(world.slack.faults, fault)("chat.postMessage", times=1)
    gate.set()
    await all_told(world)
    only(world, is_terminal)
    only(world, is_card)


@pytest.mark.parametrize("fault", FAULTS)
@sqlite
async def test_what_ends_in_one_thread_is_told_in_that_order_whatever_slack_answers(
    world: World, fault: str
) -> None:
    names = ("first", "second", "third")
    gates = {name: asyncio.Event() for name in names}
    world.script |= {name: [Wait(gate)] for name, gate in gates.items()}
    await world.begins()
    root = await world.says("@agent do the first thing")
    await world.agent(1, Status.ACTIVE)
    for number, name in enumerate(names[1:], start=2):
        await world.says(f"@agent spawn do the {name} thing", thread=root)
        await world.agent(number, Status.ACTIVE)
    await world.until(lambda: only(world, is_card))
    getattr(world.slack.faults, fault)("chat.postMessage", times=2)
    for number, name in enumerate(names, start=1):
        gates[name].set()
        await world.ended(number)
    await world.until(lambda: len(world.terminals()) == len(names))
    await world.delivered()
    told = [message.text.split()[1] for message in world.terminals()]
    assert told == ["1", "2", "3"]


@sqlite
async def test_a_rate_limit_is_waited_out_as_long_as_slack_says(world: World) -> None:
    await world.begins()
    world.slack.faults.rate_limits("chat.postMessage", retry_after=2)
    await world.says("/agent spawn look around")
    await all_told(world)
    posts = [call for call in world.slack.calls if call.method == "chat.postMessage"]
    assert [call.status for call in posts] == [429, 200, 200]
    assert posts[1].at - posts[0].at >= 2
    only(world, is_card)


async def test_an_outage_delays_what_is_told_and_keeps_its_order(world: World) -> None:
    gates = {name: asyncio.Event() for name in ("first", "second")}
    world.script |= {name: [Wait(gate)] for name, gate in gates.items()}
    await world.begins()
    root = await world.says("@agent do the first thing")
    await world.agent(1, Status.ACTIVE)
    await world.says("@agent spawn do the second thing", thread=root)
    await world.agent(2, Status.ACTIVE)
    await world.until(lambda: only(world, is_card))
    await world.slack.goes_down()
    gates["second"].set()
    await world.ended(2)
    gates["first"].set()
    await world.ended(1)
    assert world.terminals() == []
    await world.slack.comes_back()
    await world.until(lambda: len(world.terminals()) == 2)
    told = [message.text.partition(":")[0] for message in world.slack.thread("general", root)]
    assert told[-2:] == [
        "Agent 2 is done and changed nothing",
        "Agent 1 is done and changed nothing",
    ]


@sqlite
async def test_an_archived_channel_does_not_hold_up_the_others(world: World) -> None:
    gate = asyncio.Event()
    world.script["look"] = [Wait(gate)]
    program = await world.begins()
    await world.says("/agent spawn look here", where="random")
    await world.card(where="random")
    await world.says("/agent spawn look there")
    await world.card()
    world.slack.archives("random")
    gate.set()
    await world.until(world.terminals)
    await world.ended(1, 2)
    [(workflow, reason)] = await eventually(program.engine.outbox.parked)
    assert workflow == 1
    assert reason in ("is_inactive", "is_archived"), "as its card or its message was refused first"
    assert world.terminals("random") == []


async def die_after_posting(world: World, workflow: int) -> None:
    """Deliver as a bot does, up to the moment after the post, and never be heard of again."""
    engine = Engine.open(world.settings, "doomed")
    delivery = await engine.outbox.take(workflow)
    assert delivery is not None
    [undelivered] = delivery.notices
    await engine.outbox.sending(delivery, undelivered.notice)
    spot = Spot(channel_of(delivery.origin.place), delivery.origin.thread)
    mark = Mark("notice", undelivered.notice.id)
    trace = Metrics.make().trace()
    async with web_client(world.slack.bot_token, world.slack.api_url, trace) as client:
        fact = undelivered.notice.fact
        assert isinstance(fact, Ended)
        await Poster(client).post(spot, ended(fact.agent, undelivered.notice.at), mark)
    async with engine.db.writing() as session:  # its lease runs out
        await session.execute(update(Clock).values(seconds=Clock.seconds + 60))
    await engine.db.close()


async def test_a_crash_between_post_and_record_repeats_nothing(world: World) -> None:
    long = "word " * 4000
    world.script["look"] = [Finish(AgentResult(success=True, output=long))]
    await world.begins(works=False)
    await world.says("/agent spawn look around")
    card = await world.card()
    await world.ends()
    await world.begins(speaks=False)
    await world.ended(1)
    await world.ends()
    await die_after_posting(world, 1)
    posted = only(world, is_terminal)
    await world.begins(works=False)
    await world.until(world.slack.files)
    await world.delivered()
    assert only(world, is_terminal).ts == posted.ts
    assert [file.name for file in world.slack.files()] == ["agent-1-answer.md"]
    assert only(world, is_card).ts == card.ts


@pytest.mark.parametrize("told", ["card", "terminal"])
async def test_a_copy_that_a_frozen_bot_still_posts_is_taken_back(world: World, told: str) -> None:
    gate = asyncio.Event()
    world.script["look"] = [Wait(gate)]
    await world.begins()
    frozen = world.slack.faults.delays("chat.postMessage") if told == "card" else None
    await world.says("/agent spawn look around")
    if frozen is None:
        await world.card()
        frozen = world.slack.faults.delays("chat.postMessage")
        gate.set()
    await world.until(lambda: frozen.times == 0)  # it is on its way, for longer than a lease
    await pass_a_lease(world)
    await world.begins(works=False)
    kept = await world.card()
    gate.set()
    await world.until(world.terminals)
    world.slack.faults.server_errors("conversations.history")  # it looks again
    world.slack.faults.server_errors("conversations.replies")
    frozen.over.set()
    await world.until(lambda: "chat.delete" in [call.method for call in world.slack.calls])
    await world.delivered()
    assert only(world, is_card).ts == kept.ts
    only(world, is_terminal)


async def pass_a_lease(world: World) -> None:
    assert world.program
    async with world.program.engine.db.writing() as session:
        await session.execute(update(Clock).values(seconds=Clock.seconds + 31))


@sqlite
async def test_a_long_answer_comes_whole_as_a_file(world: World) -> None:
    long = "\n".join(f"{number}. A line with *stars* and <marks>." for number in range(800))
    world.script["tell"] = [Finish(AgentResult(success=True, output=long))]
    await world.begins()
    await world.says("/agent spawn tell me everything")
    await world.until(world.slack.files)
    await world.delivered()
    told = shown(only(world, is_terminal))
    assert "The answer goes on" in told
    assert "agent-1-answer.md" in told
    [file] = world.slack.files()
    assert file.content.decode() == long
    [shared] = [m for m in world.slack.messages("general") if m.files]
    assert shared.thread_ts == only(world, is_card).ts


@pytest.mark.parametrize("method", ["files.completeUploadExternal", "files.getUploadURLExternal"])
@sqlite
async def test_a_file_whose_answer_is_lost_is_there_once(world: World, method: str) -> None:
    world.script["tell"] = [Finish(AgentResult(success=True, output="word " * 4000))]
    await world.begins()
    world.slack.faults.lose_answers(method)
    await world.says("/agent spawn tell me everything")
    await all_told(world)
    only(world, lambda message: bool(message.files))
    only(world, is_terminal)


@sqlite
async def test_view_diff_posts_the_diff_in_the_thread(world: World) -> None:
    world.script["write"] = [Write("note.txt", "remember\n")]
    await world.begins()
    await world.says("/agent spawn write a note")
    await world.until(world.terminals)
    card, told = only(world, is_card), only(world, is_terminal)
    await world.slack.presses("teammate", told, VIEW_DIFF)
    await world.until(world.slack.files)
    [file] = world.slack.files()
    assert file.name == "agent-1.diff"
    assert "+remember" in file.content.decode()
    assert [bool(m.files) for m in world.slack.thread("general", card.ts)] == [False] * 3 + [True]
    assert is_notice(world.slack.thread("general", card.ts)[2])
    await world.slack.presses("you", told, VIEW_DIFF)
    await world.until(lambda: len(world.slack.files()) == 2)


async def test_retry_after_a_failure_ends_in_a_second_terminal_message(world: World) -> None:
    world.script["twice"] = [Write("a.txt", "a"), failure(Cause.MODEL, "no such model")]
    await world.begins()
    await world.says("/agent spawn do it twice")
    await world.until(world.terminals)
    card, failed = only(world, is_card), only(world, is_terminal)
    assert "no such model" in shown(failed)
    [first] = await world.ended(1)
    world.script["twice"] = [Write("b.txt", "b")]
    await world.slack.presses("you", failed, RETRY)
    await world.until(lambda: len(world.terminals()) == 2)
    second = await world.agent(1, Status.COMPLETED)
    assert second.work.branch == first.work.branch
    assert [change.path for change in second.work.files] == ["a.txt", "b.txt"]
    await world.slack.presses("you", failed, RETRY)
    await world.told("you", "Agent 1 is done")
    await world.delivered()
    assert [m.thread_ts for m in world.terminals()] == [card.ts, card.ts]
