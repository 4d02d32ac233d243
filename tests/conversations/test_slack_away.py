"""What was recorded while Slack answers nothing: it waits, and is carried out."""

from tests.conftest import ONE_DATABASE
from tests.conversations.conftest import World, is_card, shown

pytestmark = ONE_DATABASE


async def test_a_recorded_command_waits_until_slack_answers_again(world: World) -> None:
    await world.begins()
    await world.says("/agent help")  # from then on Bolt knows the token
    await world.told("you", "/agent spawn")
    before = len(world.slack.calls)
    world.slack.revokes_token()
    asked = await world.slack.says("you", "random", "@agent write a poem")
    await world.until(lambda: refused(world, before) >= 4)
    world.slack.restores_token()
    assert is_card((await world.thread(asked, 2, "random"))[1])
    said = [shown(message) for message in world.slack.ephemerals("you")]
    assert not [text for text in said if "could not be recorded" in text]


def refused(world: World, since: int) -> int:
    """How many calls a revoked token was refused."""
    calls = world.slack.calls[since:]
    return sum(call.response.get("error") == "token_revoked" for call in calls)
