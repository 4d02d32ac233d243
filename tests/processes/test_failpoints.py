"""Programs that are killed at one moment, by its name, and started again: told once, whole."""

import signal
from collections.abc import Sequence

import pytest

from engine.demo_model import Turn, call, say
from engine.executor import Sandbox
from engine.failpoints import Failpoint
from tests import repositories
from tests.conftest import ONE_DATABASE
from tests.processes.aftermath import later, over, roots
from tests.processes.conftest import LONG, REST, SECONDS, Installation, Running, scene, until

AT_LAST = scene("half.txt", say("Over."))
THREAD_SECONDS = 31.0  # a dead bot owns its threads for so long
DONE = [(1, "completed")]
AGAIN = [(1, "lost"), (2, "completed")]
TOLD_AGAIN = ["taken over", "done"]


async def dies_at(mab: Installation, point: Failpoint, time: int = 1) -> Running:
    """Start a program that kills itself there."""
    mab.configure(sandbox=Sandbox.OFF)
    return await mab.serves(MAB_FAILPOINTS=f"{point}=kill@{time}")


async def asks(mab: Installation) -> None:
    """Ask for an agent, whose card nobody may live to post."""
    await mab.commands("/agent spawn task")


async def killed(program: Running) -> None:
    """Wait until it has killed itself."""
    assert await program.ended() == -signal.SIGKILL, program.said()


def points(*rows: tuple[Failpoint, str]) -> pytest.MarkDecorator:
    """The moments, each with its database."""
    ids = [f"{point}-{database}" for point, database in rows]
    return pytest.mark.parametrize(
        ("point", "database_kind"), rows, ids=ids, indirect=["database_kind"]
    )


@points(
    (Failpoint.AFTER_CLAIM_COMMIT, "postgresql"),
    (Failpoint.AFTER_WORKTREE_ADD, "sqlite"),
    (Failpoint.AFTER_CLI_START, "sqlite"),
    (Failpoint.BEFORE_STEP, "sqlite"),
    (Failpoint.BEFORE_SESSION_APPEND, "postgresql"),
    (Failpoint.BEFORE_CHECKPOINT, "sqlite"),
    (Failpoint.BEFORE_FINISH, "postgresql"),
    (Failpoint.BEFORE_FINISH_COMMIT, "sqlite"),
    (Failpoint.BEFORE_FINISH_COMMIT, "postgresql"),
)
async def test_a_run_that_was_not_recorded_is_gone_on_with(
    mab: Installation, point: Failpoint
) -> None:
    await mab.plays(task=[AT_LAST, AT_LAST])
    first = await dies_at(mab, point)
    await asks(mab)
    await killed(first)
    await mab.serves()
    (card,) = await until(lambda: roots(mab))
    assert await mab.story(card) == TOLD_AGAIN
    assert await mab.runs() == AGAIN
    assert "half.txt" in await mab.on_branch()
    await over(mab, card)


@points((Failpoint.AFTER_FINISH_COMMIT, "sqlite"), (Failpoint.AFTER_FINISH_COMMIT, "postgresql"))
async def test_a_run_that_was_recorded_is_not_repeated(mab: Installation, point: Failpoint) -> None:
    await mab.plays(task=[AT_LAST])
    first = await dies_at(mab, point)
    await asks(mab)
    await killed(first)
    await mab.serves()
    (card,) = await until(lambda: roots(mab))
    assert await mab.story(card) == ["done"]
    assert await mab.runs() == DONE
    assert "half.txt" in await mab.on_branch()
    await over(mab, card)


def acknowledged(mab: Installation, ts: str) -> bool:
    """Whether somebody has heard of what a person said."""
    told = [each for each in mab.slack.deliveries if each.payload.get("event", {}).get("ts") == ts]
    return any(each.ack.acked for each in told)


def comes_again(mab: Installation, ts: str) -> bool:
    """Whether what Slack tries again has been acknowledged."""
    if not mab.slack.parts.desk.sockets._waiting:  # else its three seconds would be over, too
        mab.slack.retries_now()
    return acknowledged(mab, ts)


@points((Failpoint.AFTER_INBOX_COMMIT, "sqlite"), (Failpoint.AFTER_INBOX_COMMIT, "postgresql"))
async def test_what_was_recorded_and_comes_again_is_carried_out_once(
    mab: Installation, point: Failpoint
) -> None:
    await mab.plays(task=[AT_LAST])
    first = await dies_at(mab, point)
    said = await mab.slack.says("you", "general", f"<@{mab.slack.bot_user}> spawn task")
    await killed(first)
    await mab.serves()
    assert not acknowledged(mab, said)
    await until(lambda: comes_again(mab, said))
    await until(lambda: mab.came_to(DONE))
    asked = mab.slack.message(said)
    assert (await mab.story(asked))[1:] == ["done"]
    assert await mab.runs() == DONE
    await over(mab, asked)


@points(
    (Failpoint.BEFORE_POST, "sqlite"),
    (Failpoint.AFTER_POST, "sqlite"),
    (Failpoint.AFTER_POST, "postgresql"),
)
async def test_a_card_and_an_end_that_may_have_been_posted_are_told_once(
    mab: Installation, point: Failpoint
) -> None:
    mab.configure(sandbox=Sandbox.OFF)
    await mab.plays(task=[AT_LAST])
    first = await mab.starts("bot", MAB_FAILPOINTS=f"{point}=kill")
    await mab.slack.settled(lambda: mab.slack.greeted >= 2, timeout=SECONDS)
    await asks(mab)
    await killed(first)
    assert len(roots(mab)) == (point is Failpoint.AFTER_POST)
    await later(mab, THREAD_SECONDS)
    time = 1 if point is Failpoint.AFTER_POST else 2  # the card is posted by now, or is the first
    second = await mab.serves(MAB_FAILPOINTS=f"{point}=kill@{time}")
    await killed(second)
    (card,) = roots(mab)
    assert mab.notices(card) == (["done"] if point is Failpoint.AFTER_POST else [])
    assert await mab.runs() == DONE
    await later(mab, THREAD_SECONDS)
    await mab.serves()
    assert await mab.story(card) == ["done"]
    await over(mab, card)


@points(
    (Failpoint.AFTER_TAKEOVER_COMMIT, "sqlite"),
    (Failpoint.DURING_TAKEOVER, "sqlite"),
    (Failpoint.DURING_TAKEOVER, "postgresql"),
)
async def test_who_takes_over_may_die_as_well(mab: Installation, point: Failpoint) -> None:
    mab.configure(sandbox=Sandbox.OFF)
    await mab.plays(task=[LONG, REST])
    first = await mab.serves()
    card = await mab.spawns("task")
    await mab.at_work()
    await first.dies()
    second = await mab.starts("worker", MAB_FAILPOINTS=f"{point}=kill")
    await killed(second)
    assert bool(list(mab.agents())) == (point is Failpoint.AFTER_TAKEOVER_COMMIT)
    await later(mab, THREAD_SECONDS)  # the first may have been speaking
    await mab.serves()
    assert await mab.story(card) == TOLD_AGAIN
    assert await mab.runs() == AGAIN
    assert {"half.txt", "rest.txt"} <= set(await mab.on_branch())
    await over(mab, card)


CAREFUL: Sequence[Turn] = [call("Bash", command="echo once >> times.txt"), say("It is over.")]


@points((Failpoint.AFTER_CALLS_GIVEN, "sqlite"), (Failpoint.AFTER_CALLS_GIVEN, "postgresql"))
async def test_what_people_allowed_and_nobody_began_is_done_once(
    mab: Installation, point: Failpoint
) -> None:
    await mab.plays(task=[CAREFUL])
    mab.configure(sandbox=Sandbox.OFF, ask=["Bash(echo:*)"])
    first = await mab.serves(MAB_FAILPOINTS=f"{point}=kill")
    card = await mab.spawns("task")
    asked = await mab.slack.settled(
        lambda: mab.slack.thread("general", card.ts)[1:], timeout=SECONDS
    )
    await mab.presses("reviewer", asked[0], "Allow once")
    await killed(first)
    await mab.serves()
    assert (await mab.story(card))[1:] == TOLD_AGAIN
    assert await mab.runs() == [(1, "asked"), (2, "lost"), (3, "completed")]
    branch = (await mab.ledger.agent(1)).branch
    assert repositories.git(mab.shop, "show", f"{branch}:times.txt") == "once"
    await over(mab, card)


@ONE_DATABASE
@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("after-lunch=kill", "there is no 'after-lunch'; known are after-inbox-commit, "),
        ("after-post=dance", "there is no 'dance'; known are kill, stop"),
        ("after-post", "'after-post' is not of the form name=kill or name=stop@2"),
        ("after-post=kill@0", "'after-post=kill@0' is not of the form"),
    ],
)
async def test_what_is_no_failpoint_is_a_sentence(mab: Installation, given: str, said: str) -> None:
    program = await mab.starts("worker", MAB_FAILPOINTS=given)
    assert await program.ended() == 1
    assert f"mab: MAB_FAILPOINTS: {said}" in program.said()
    assert "Traceback" not in program.said()
