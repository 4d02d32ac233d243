"""Slack's limits hold, and we keep them by ourselves."""

import asyncio
from time import monotonic

import pytest

from bot.lanes import SIDE_BY_SIDE
from bot.pace import Bucket
from engine import ScriptedExecutor, Status, Step
from engine.scripted import Action, Wait
from tests.conversations.conftest import World, is_card, is_terminal

LIVE, ENDING = 8, 3
BUSY = 40  # threads of one channel, each with a card to post: at one a second
TURN_SECONDS = 15.0  # on a machine that stands still now and then; the turn itself comes within one
TOLD_SECONDS = 20.0  # three messages of one channel, after eleven cards


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
@pytest.mark.parametrize("world", [True], indirect=True)
async def test_eight_live_cards_do_not_delay_those_who_end(world: World) -> None:
    gates = [asyncio.Event() for _ in range(6)]
    steps: list[Action] = [
        action for n, gate in enumerate(gates) for action in (Step("Edit", f"{n}.py"), Wait(gate))
    ]
    done = asyncio.Event()
    executor = ScriptedExecutor({"short": [Wait(done)], "live": [*steps, Wait(asyncio.Event())]})
    limits = world.settings.limits.model_copy(update={"slots": LIVE + ENDING})
    world.settings = world.settings.model_copy(update={"limits": limits})
    await world.begins(executor)
    for n in range(ENDING):
        await world.says(f"/agent spawn short {n}")
    for n in range(LIVE):
        await world.says(f"/agent spawn live {n}", where="random")
    for number in range(1, ENDING + LIVE + 1):
        await world.agent(number, Status.ACTIVE)
    await world.until(
        lambda: len([m for m in world.slack.messages("random") if is_card(m)]) == LIVE
    )
    for gate in gates:
        gate.set()
    begun = monotonic()
    done.set()
    ended = await world.until(
        lambda: (
            found
            if len(found := [m for m in world.slack.messages("general") if is_terminal(m)])
            == ENDING
            else []
        )
    )
    assert len(ended) == ENDING
    assert monotonic() - begun < TOLD_SECONDS
    await world.ends()
    refused = [call.method for call in world.slack.calls if call.status == 429]
    assert refused == []


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
@pytest.mark.parametrize("world", [True], indirect=True)
async def test_a_channel_with_many_threads_does_not_hold_back_another(world: World) -> None:
    await world.begins(works=False)
    for n in range(BUSY):
        await world.says(f"/agent spawn busy {n}", where="random")
    for number in range(1, BUSY + 1):
        await world.agent(number, Status.PENDING)
    begun = monotonic()
    await world.says("/agent spawn calm")
    await world.card()
    assert monotonic() - begun < TURN_SECONDS
    told = [m for m in world.slack.messages("random") if is_card(m)]
    assert len(told) < BUSY / 2, "it was not as busy as that"
    assert [call.method for call in world.slack.calls if call.status == 429] == []


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
async def test_a_channel_that_slack_holds_back_does_not_hold_back_another(world: World) -> None:
    await world.begins(works=False)
    world.slack.faults.rate_limits("chat.postMessage", retry_after=30)
    await world.says("/agent spawn first", where="random")
    await world.until(lambda: [call for call in world.slack.calls if call.status == 429])
    await world.says("/agent spawn second", where="random")
    await world.agent(2, Status.PENDING)
    begun = monotonic()
    await world.says("/agent spawn calm")
    await world.card()
    assert monotonic() - begun < TURN_SECONDS
    random = world.slack.channel("random").id
    posts = [call for call in world.slack.calls if call.method == "chat.postMessage"]
    assert [call for call in posts if call.args.get("channel") == random] == []
    assert len(posts) == 2, "the other thread of the channel waits as well"


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
async def test_a_post_that_takes_long_does_not_hold_back_another_channel(world: World) -> None:
    await world.begins(works=False)
    slow = [world.slack.faults.delays("chat.postMessage") for _ in range(SIDE_BY_SIDE)]
    for n in range(2 * SIDE_BY_SIDE):
        await world.says(f"/agent spawn slow {n}", where="random")
    await world.until(lambda: all(fault.times == 0 for fault in slow))
    await world.agent(2 * SIDE_BY_SIDE, Status.PENDING)
    begun = monotonic()
    await world.says("/agent spawn calm")
    await world.card()
    assert monotonic() - begun < TURN_SECONDS
    assert world.slack.messages("random") == []
    for fault in slow:
        fault.over.set()
    cards = await world.until(
        lambda: (
            found
            if len(found := [m for m in world.slack.messages("random") if is_card(m)])
            == 2 * SIDE_BY_SIDE
            else []
        )
    )
    assert len(cards) == 2 * SIDE_BY_SIDE


def test_a_bucket_lets_a_few_pass_and_then_one_at_a_time() -> None:
    now = [0.0]
    bucket = Bucket(60.0, 3.0, lambda: now[0])
    assert [bucket.wait() for _ in range(4)] == [0.0, 0.0, 0.0, 1.0]
    now[0] = 0.5
    assert bucket.wait() == 0.5
    now[0] = 1.0
    assert bucket.wait() == 0.0
    bucket.empty(10.0)
    assert bucket.wait() == 11.0
