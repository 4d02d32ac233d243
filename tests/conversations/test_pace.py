"""Slack's limits hold, and we keep them by ourselves."""

import asyncio
from time import monotonic

import pytest

from bot.pace import Bucket
from engine import ScriptedExecutor, Status, Step
from engine.scripted import Action, Wait
from tests.conversations.conftest import World, is_card, is_terminal

LIVE, ENDING = 8, 3
TOLD_SECONDS = 10.0  # three messages of one channel, after eleven cards


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
