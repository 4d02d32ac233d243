"""Whatever is typed wrongly gets one clear sentence, and starts nothing."""

import pytest

from bot.local import Message
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


def test_there_are_enough_of_them() -> None:
    assert len({typed for typed, _ in TYPED}) >= 70
