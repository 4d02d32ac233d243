"""What was recorded while Slack answers nothing: it waits, and is carried out."""

import pytest

from tests.conftest import ONE_DATABASE
from tests.conversations.conftest import World, is_card, shown

pytestmark = ONE_DATABASE


async def test_a_recorded_command_waits_until_slack_answers_again(world: World) -> None:
    await world.begins()
    before = len(world.slack.calls)
    world.slack.revokes_token()
    asked = await world.slack.says("you", "random", "@agent write a poem")
    await world.until(lambda: refused(world, before) >= 4)
    world.slack.restores_token()
    assert is_card((await world.thread(asked, 2, "random"))[1])
    said = [shown(message) for message in world.slack.ephemerals("you")]
    assert not [text for text in said if "could not be recorded" in text]


async def test_what_cannot_be_recorded_is_not_acknowledged_by_bolt_either(world: World) -> None:
    await world.begins()
    fault = world.slack.faults.server_errors("auth.test", times=None)  # nobody has asked yet
    answer = await world.slack.commands("you", "general", "/agent spawn write a poem")
    assert not answer.ok
    world.slack.faults.clear(fault)
    assert (await world.slack.commands("you", "general", "/agent spawn write a song")).ok
    await world.until(world.terminals)
    assert [view.task for view in await world.agents()] == ["write a song"]


async def test_a_command_is_carried_out_once_when_an_outage_of_users_info_is_over(
    world: World,
) -> None:
    await world.begins()
    fault = world.slack.faults.unavailable("users.info")
    asked = await world.slack.says("you", "random", "@agent write a poem")
    await world.until(lambda: fault.struck >= 4)
    world.slack.faults.clear(fault)
    assert is_card((await world.thread(asked, 2, "random"))[1])
    await world.interpreted()
    assert [view.task for view in await world.agents()] == ["write a poem"]
    said = [shown(message) for message in world.slack.ephemerals("you")]
    assert not [text for text in said if "could not be recorded" in text]


async def test_what_slack_asks_to_wait_is_waited_and_holds_up_nobody(world: World) -> None:
    await world.begins()
    fault = world.slack.faults.rate_limits("users.info", retry_after=3600, times=1)
    await world.slack.says("you", "random", "@agent write a poem")
    await world.until(lambda: fault.struck == 1)
    await world.slack.says("teammate", "general", "@agent write a song")
    await world.until(world.terminals)
    assert [view.task for view in await world.agents()] == ["write a song"]


async def test_an_address_that_is_refused_is_replaced_at_once(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    fault = world.slack.faults.stale_tickets(times=2)
    await world.begins()  # both sockets stand
    assert fault.struck == 2
    assert "Failed to connect" not in caplog.text  # then the SDK would wait, and use it again


def refused(world: World, since: int) -> int:
    """How many calls a revoked token was refused."""
    calls = world.slack.calls[since:]
    return sum(call.response.get("error") == "token_revoked" for call in calls)
