"""A merge conflict waits for people: they resolve it and push, or they stop there."""

from pathlib import Path

import pytest

from bot.local import Message
from bot.messages import APPROVE, REJECT, RETRY_ASKED
from engine import Status
from engine.scripted import Write
from tests.conversations.conftest import World, shown
from tests.worker.conftest import git

pytestmark = pytest.mark.parametrize("database_kind", ["sqlite"])  # nothing here depends on it


async def conflict(world: World) -> tuple[str, Message]:
    """Two steps that wrote the same file; gives the thread and the message that asks."""
    world.script = {
        "heron": [Write("birds.txt", "heron\n")],
        "egret": [Write("birds.txt", "egret\n")],
    }
    await world.begins()
    await world.says("/agent workflow birds: [a: Add a heron, b: Add an egret]")
    card = await world.card()
    await world.slack.presses("you", (await world.thread(card.ts, 2))[1], APPROVE)
    asked = (await world.thread(card.ts, 3))[2]
    await world.agent(3, Status.WAITING)
    return card.ts, asked


async def test_what_a_person_resolved_and_pushed_is_taken(world: World, tmp_path: Path) -> None:
    thread, asked = await conflict(world)
    assert "git switch -c merge/3" in shown(asked)
    await world.slack.presses("you", asked, RETRY_ASKED)  # too early: nothing was pushed
    again = (await world.thread(thread, 4))[3]
    assert "no such branch" in shown(again)
    heron, egret = [(await world.agent(number, Status.COMPLETED)).work for number in (1, 2)]
    mine = tmp_path / "mine"
    git("worktree", "add", "-q", "-b", "merge/3", str(mine), heron.commit, cwd=world.shop)
    git("merge", "-q", "-s", "ours", "-m", "Both", egret.commit, cwd=mine)
    (mine / "birds.txt").write_text("heron\negret\n")
    git("commit", "-q", "-a", "--amend", "--no-edit", cwd=mine)
    await world.slack.presses("you", again, RETRY_ASKED)
    merged = await world.agent(3, Status.COMPLETED)
    assert world.on_branch(merged, "birds.txt").split() == ["heron", "egret"]
    await world.delivered()
    assert "is done: 3 of 3 done" in world.slack.thread("general", thread)[-1].text


async def test_stop_keeps_what_the_sides_did(world: World) -> None:
    thread, asked = await conflict(world)
    await world.slack.presses("you", asked, REJECT)
    await world.agent(3, Status.CANCELLED)
    await world.delivered()
    final = world.slack.thread("general", thread)[-1]
    assert "was stopped" in final.text
    for number, bird in ((1, "heron"), (2, "egret")):
        side = await world.agent(number, Status.COMPLETED)
        assert world.on_branch(side, "birds.txt") == bird
        assert side.work.branch in shown(final)
