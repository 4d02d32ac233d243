"""Merging into the base branch: asked for by a button, approved by somebody else, done once."""

import re
from pathlib import Path
from typing import Any

import pytest

from bot.access import Access
from bot.local import Message
from bot.messages import APPROVE, REJECT, RETRY
from bot.messages.buttons import MERGE
from engine import Repo, Status
from engine.scripted import Write
from tests.conftest import ONE_DATABASE
from tests.conversations.conftest import World, is_notice, shown
from tests.worker.conftest import git


@pytest.fixture
def bare(world: World, tmp_path: Path) -> Path:
    """The repository has a remote, as bare as a forge's."""
    remote = tmp_path / "remote.git"
    git("clone", "-q", "--bare", str(world.shop), str(remote), cwd=tmp_path)
    git("remote", "add", "origin", str(remote), cwd=world.shop)
    git("fetch", "-q", "origin", cwd=world.shop)
    return remote


def buttons(message: Message) -> dict[str, str]:
    """The buttons of a message: their values by what they do."""

    def found(part: Any) -> list[tuple[str, str]]:
        match part:
            case {"type": "button", "action_id": str(action), **rest}:
                return [(action, str(rest.get("value", "")))]
            case dict():
                return [each for value in part.values() for each in found(value)]
            case list() | tuple():
                return [each for value in part for each in found(value)]
            case _:
                return []

    return dict(found(message.blocks))


async def notice(world: World, root: str, part: str) -> Message:
    """Wait for a message of a thread that tells a fact with this in it."""

    def seen() -> list[Message]:
        told = world.slack.thread("general", root)
        return [each for each in told if is_notice(each) and part in shown(each)]

    return (await world.until(seen))[-1]


async def work(world: World, task: str = "write spec") -> tuple[str, Message]:
    """Have an agent work; gives its thread, and the message about its end."""
    before = len(world._cards("general"))
    await world.says(f"/agent spawn {task}")
    card = await world.card(before)
    return card.ts, await notice(world, card.ts, "is done")


def tip(repo: Path, branch: str = "main") -> str:
    return git("rev-parse", f"refs/heads/{branch}", cwd=repo)


async def test_work_is_merged_into_the_remotes_branch_once_approved(
    world: World, bare: Path
) -> None:
    world.script["spec"] = [Write("spec.md", "add\n")]
    await world.begins()
    thread, done = await work(world)
    assert "Merge into main…" in shown(done)
    commit = buttons(done)[MERGE].partition(".")[2]
    before = tip(bare)
    await world.slack.presses("you", done, MERGE)
    asked = await notice(world, thread, "Approve & merge")
    assert commit[:10] in shown(asked)
    await world.slack.presses("you", asked, APPROVE)
    await world.told("you", "You may not decide this")
    assert tip(bare) == before
    await world.slack.presses("reviewer", asked, APPROVE)
    ended = await notice(world, thread, "Agent 2 is done")
    assert f"Merged {commit[:10]} into main" in shown(ended)
    assert tip(bare) == commit
    await world.slack.presses("you", done, MERGE)
    await world.told("you", "merged into main already")
    await world.delivered()
    assert len(world.terminals()) == 2


async def test_a_whole_workflow_is_merged(world: World, bare: Path) -> None:
    world.script = {
        "Write a": [Write("a.md", "a\n")],
        "Write b": [Write("b.md", "b\n")],
    }
    await world.begins()
    await world.says("/agent workflow [a: Write a, b: Write b]")
    card = await world.card()
    plan = (await world.thread(card.ts, 2))[1]
    await world.slack.presses("you", plan, APPROVE)
    done = await notice(world, card.ts, "Merge into main…")
    whole = (await world.agent(3, Status.COMPLETED)).work
    assert [file.path for file in whole.files] == ["a.md", "b.md"]
    assert tip(bare, whole.branch) == whole.commit
    assert f"Branch `{whole.branch}`" in shown(done)
    await world.slack.presses("you", done, MERGE)
    asked = await notice(world, card.ts, "Approve & merge")
    await world.slack.presses("reviewer", asked, APPROVE)
    await notice(world, card.ts, "Agent 4 is done")
    files = git("ls-tree", "--name-only", "main", cwd=bare).split()
    assert files == ["README.md", "a.md", "b.md"]


async def test_a_branch_that_is_checked_out_is_left_alone_and_the_command_is_told(
    world: World,
) -> None:
    world.script["spec"] = [Write("spec.md", "add\n")]
    await world.begins()
    thread, done = await work(world)
    before = tip(world.shop)
    await world.slack.presses("you", done, MERGE)
    asked = await notice(world, thread, "Approve & merge")
    await world.slack.presses("reviewer", asked, APPROVE)
    failed = await notice(world, thread, "Agent 2 failed")
    assert tip(world.shop) == before
    assert not (world.shop / "spec.md").exists()
    [command] = re.findall(r"git -C \S+ merge --no-edit [0-9a-f]{40}", shown(failed))
    git(*command.split()[1:], cwd=world.shop)
    assert (world.shop / "spec.md").read_text() == "add\n"
    await world.slack.presses("you", failed, RETRY)
    again = await notice(world, thread, "Approve & merge")
    await world.until(lambda: len(_asked(world, thread)) == 2)
    again = _asked(world, thread)[-1]
    await world.slack.presses("reviewer", again, APPROVE)
    await notice(world, thread, "Agent 2 is done")


def _asked(world: World, thread: str) -> list[Message]:
    told = world.slack.thread("general", thread)
    return [each for each in told if "Approve & merge" in shown(each) or "Merge the" in each.text]


async def test_what_was_rejected_is_not_merged_and_retry_asks_anew(
    world: World, bare: Path
) -> None:
    world.script["spec"] = [Write("spec.md", "add\n")]
    await world.begins()
    thread, done = await work(world)
    before = tip(bare)
    await world.slack.presses("you", done, MERGE)
    asked = await notice(world, thread, "Approve & merge")
    await world.slack.presses("reviewer", asked, REJECT)
    stopped = await notice(world, thread, "Agent 2 was stopped")
    await world.slack.presses("you", stopped, RETRY)
    await world.agent(2, Status.WAITING)
    assert tip(bare) == before


@ONE_DATABASE
async def test_a_conflict_names_the_files(world: World, bare: Path) -> None:
    world.script["spec"] = [Write("README.md", "mine\n")]
    await world.begins()
    thread, done = await work(world)
    (world.shop / "README.md").write_text("theirs\n")
    git("commit", "-qam", "Meanwhile", cwd=world.shop)
    git("push", "-q", "origin", "main", cwd=world.shop)
    await world.slack.presses("you", done, MERGE)
    asked = await notice(world, thread, "Approve & merge")
    await world.slack.presses("reviewer", asked, APPROVE)
    failed = await notice(world, thread, "Agent 2 failed")
    assert "It conflicts with what is in main by now: README.md" in shown(failed)
    assert tip(bare) == tip(world.shop)


async def test_work_that_has_moved_on_is_not_merged_from_an_old_message(
    world: World, bare: Path
) -> None:
    world.script = {"spec": [Write("spec.md", "add\n")], "more": [Write("more.md", "more\n")]}
    await world.begins()
    thread, done = await work(world)
    await world.says("more", thread=thread)
    await notice(world, thread, "Agent 2 is done")
    await world.slack.presses("you", done, MERGE)
    await world.told("you", "agent 2 went on with the work of agent 1")
    assert [view.id for view in await world.agents()] == [1, 2]


@ONE_DATABASE
async def test_what_nobody_could_approve_is_not_asked(world: World, bare: Path) -> None:
    world.script["spec"] = [Write("spec.md", "add\n")]
    you = world.slack.user("you").id
    access = Access(admin=(you,), spawn=("*",))
    world.settings = world.settings.model_copy(update={"access": access})
    await world.begins()
    _, done = await work(world)
    await world.slack.presses("you", done, MERGE)
    await world.told("you", "an approval that nobody could give")
    assert len(await world.agents()) == 1


@ONE_DATABASE
async def test_who_may_not_spawn_may_not_ask(world: World, bare: Path) -> None:
    world.script["spec"] = [Write("spec.md", "add\n")]
    you, reviewer = world.slack.user("you").id, world.slack.user("reviewer").id
    access = Access(admin=(reviewer,), spawn=(you,))
    world.settings = world.settings.model_copy(update={"access": access})
    await world.begins()
    _, done = await work(world)
    await world.slack.presses("guest", done, MERGE)
    await world.told("guest", "You may not")
    assert len(await world.agents()) == 1


@ONE_DATABASE
async def test_there_is_no_button_for_what_cannot_be_merged(world: World) -> None:
    world.script["spec"] = [Write("spec.md", "add\n")]
    git("checkout", "-q", "--detach", cwd=world.shop)
    git("branch", "-qD", "main", cwd=world.shop)
    world.settings = world.settings.model_copy(update={"repos": {"shop": Repo(path=world.shop)}})
    await world.begins()
    _, done = await work(world)
    assert MERGE not in buttons(done)
    await work(world, "look around")
    assert MERGE not in buttons(world.terminals()[-1])
