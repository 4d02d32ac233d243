"""What was recorded while Slack answers nothing: it waits, and is carried out."""

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


def refused(world: World, since: int) -> int:
    """How many calls a revoked token was refused."""
    calls = world.slack.calls[since:]
    return sum(call.response.get("error") == "token_revoked" for call in calls)
