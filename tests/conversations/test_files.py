"""Files that come with a request, and files that an agent hands out."""

from collections.abc import Sequence

import pytest

from engine import LARGEST_FILE, MOST_FILES, Job, ScriptedExecutor, Status
from engine.scripted import Action, Write
from tests.conversations.conftest import World, is_terminal, shown

PNG = b"\x89PNG\r\n\x1a\nan image"
once = pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)


async def ask(world: World, task: str, *files: tuple[str, bytes]) -> str:
    """Ask for an agent with files."""
    text = f"<@{world.slack.bot_user}> {task}"
    return await world.slack.says("you", "general", text, files=files)


async def test_an_image_and_a_text_reach_the_agent(world: World) -> None:
    found: dict[str, bytes] = {}

    def look(job: Job) -> Sequence[Action]:
        given = job.confinement.readable[1]
        found.update({path.name: path.read_bytes() for path in given.iterdir()})
        return ()

    executor = ScriptedExecutor(look)
    await world.begins(executor)
    await ask(world, "see why it fails", ("shot.png", PNG), ("error log.txt", b"It failed.\n"))
    view = await world.agent(1, Status.COMPLETED)
    assert found == {"shot.png": PNG, "error log.txt": b"It failed.\n"}
    assert view.attached == 2
    [job] = executor.jobs
    assert "in/shot.png (image/png" in job.context
    assert "in/error log.txt (text/plain" in job.context
    assert not (job.workspace / "shot.png").exists()
    messages = await world.until(lambda: world.slack.messages("general")[1:])
    assert "with 2 files" in shown(messages[0])


async def test_what_cannot_be_used_is_told_and_the_agent_starts(world: World) -> None:
    await world.begins()
    await ask(
        world,
        "look",
        ("archive.zip", b"PK\x03\x04"),
        ("not an image.png", b"<html>"),
        ("large.txt", b"x" * (LARGEST_FILE + 1)),
        ("fine.txt", b"fine"),
        *((f"more {number}.txt", b"more") for number in range(MOST_FILES - 2)),
    )
    told = shown(await world.told("you", "Agent 1 is queued"))
    assert "“archive.zip”: only images and text files can be used" in told
    assert "“not an image.png”: only images and text files can be used" in told
    assert "“large.txt”: it is larger than 10 MiB" in told
    assert "“more 6.txt”: an agent gets at most 10 files" in told
    assert "fine.txt" not in told
    assert (await world.agent(1, Status.COMPLETED)).attached == MOST_FILES - 3


@once
async def test_a_file_that_slack_does_not_give_is_told(world: World) -> None:
    await world.begins()
    await ask(world, "look", ("gone.txt", b"gone"))
    world.slack.parts.state.files.clear()
    told = shown(await world.told("you", "Agent 1 is queued"))
    assert "“gone.txt”: it could not be downloaded from Slack" in told
    assert (await world.agent(1, Status.COMPLETED)).attached == 0


async def test_what_an_agent_leaves_is_in_its_thread_once(world: World) -> None:
    def leave(job: Job) -> Sequence[Action]:
        out = job.confinement.writable[0]
        return Write(str(out / "report.md"), "# Report"), Write(str(out / "shot.png"), "image")

    await world.begins(ScriptedExecutor(leave))
    await world.says("/agent spawn make a report")
    card = await world.card()
    thread = await world.thread(card.ts, 4)
    assert [is_terminal(m) for m in thread] == [False, True, False, False]
    assert [[f.name for f in m.files] for m in thread[2:]] == [["report.md"], ["shot.png"]]
    assert thread[2].files[0].content == b"# Report"
    await world.delivered()
    assert len(world.slack.thread("general", card.ts)) == 4


@once
async def test_a_delivery_that_broke_off_hands_out_each_file_once(world: World) -> None:
    def leave(job: Job) -> Sequence[Action]:
        out = job.confinement.writable[0]
        return [Write(str(out / f"{name}.txt"), name) for name in ("one", "two", "three")]

    world.slack.faults.lose_answers("files.completeUploadExternal")
    await world.begins(ScriptedExecutor(leave))
    await world.says("/agent spawn make three")
    card = await world.card()
    thread = await world.thread(card.ts, 5)
    await world.delivered()
    assert [f.name for m in thread for f in m.files] == ["one.txt", "three.txt", "two.txt"]
    assert len(world.slack.thread("general", card.ts)) == 5
    assert len(world.terminals()) == 1
