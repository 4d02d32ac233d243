"""What was recorded while Slack answers nothing: it waits, and is carried out."""

from tests.conftest import ONE_DATABASE
from tests.conversations.conftest import World

pytestmark = ONE_DATABASE


async def test_a_recorded_command_waits_until_slack_answers_again(world: World) -> None:
    await world.begins()
    before = len(world.slack.calls)
    world.slack.revokes_token()
    await world.slack.says("you", "general", "@agent write a poem")
    await world.until(lambda: refused(world, before) >= 4)
    world.slack.restores_token()
    card = await world.card()
    assert card.thread_ts is not None
    assert not world.slack.ephemerals("you")


def refused(world: World, since: int) -> int:
    """How many calls a revoked token was refused."""
    calls = world.slack.calls[since:]
    return sum(call.response.get("error") == "token_revoked" for call in calls)
