"""Stopping by a word in the thread, and what the thread is told then: done, half done, left."""

import asyncio

import pytest
from sqlalchemy import select

from bot.local import Message
from bot.messages import APPROVE, STOP, STOP_ALL
from engine import AgentPolicy, DemoModel, Sandbox, Status, make_executor
from engine.demo_model import Conversation, Turn, call, say
from engine.models import Message as Said
from engine.models import SessionEntry
from engine.scripted import Wait, Write
from engine.transcripts import blocks
from tests.conversations.conftest import World, eventually, is_notice, shown
from tests.worker.conftest import git

pytestmark = pytest.mark.parametrize(
    "database_kind", ["sqlite"]
)  # tests/worker/test_accounts has both
SLOW = "python3 -c 'import time; time.sleep(60)'"
HALF = "so it may be incomplete"


def slowly(talk: Conversation) -> Turn:
    """A model that writes a file, then runs a command that takes a minute."""
    turns = [call("Write", file_path="done.txt", content="one\ntwo\n"), call("Bash", command=SLOW)]
    return turns[len(talk.results)] if len(talk.results) < len(turns) else say("All is well.")


def line(message: Message) -> str:
    """Everything that a message shows, on one line."""
    return " ".join(shown(message).split())


async def last(world: World) -> str:
    """What the last terminal message shows."""
    await world.until(world.terminals)
    return line(world.terminals()[-1])


async def test_the_real_cli_is_stopped_in_the_middle_of_a_command(world: World) -> None:
    unconfined = AgentPolicy(sandbox=Sandbox.OFF)
    world.settings = world.settings.model_copy(update={"agent": unconfined})
    async with DemoModel(slowly) as model:
        world.secrets |= model.environment
        await world.begins(hands=make_executor)
        root = await world.says("@agent work slowly")
        await world.agent(1, Status.ACTIVE)
        await eventually(lambda: wrote(world, 1, SLOW))
        await eventually(lambda: transcribed(world, SLOW))
        await world.says("stop", thread=root)
        view = await world.agent(1, Status.CANCELLED)
        told = await last(world)
        await world.ends()
    assert "Agent 1 was stopped* by `you`" in told
    assert f"Done: 1 file +2 −0, in commit {view.work.commit[:10]} on branch {view.branch}" in told  # noqa: RUF001 - a minus
    assert "done.txt" in told
    assert "No check was run to its end" in told
    assert f"Half done: running {SLOW} had begun; no result of it is recorded." in told
    assert "Half done: writing" not in told
    assert HALF in told
    assert "To go on from there, reply here, or press Retry." in told
    assert world.on_branch(view, "done.txt") == "one\ntwo"
    assert git("rev-parse", view.branch, cwd=world.shop) == view.work.commit


async def begun(world: World, *tasks: str) -> str:
    """Agents of one thread that each write a file and then wait for ever; the thread."""
    world.script |= {task: [Write(f"{task}.txt", "x\n"), Wait(asyncio.Event())] for task in tasks}
    await world.begins()
    root = None
    for number, task in enumerate(tasks, start=1):
        ts = await world.says(f"@agent spawn {task}", thread=root)
        root = root or ts
        await eventually(lambda n=number, t=task: wrote(world, n, f"{t}.txt"))  # type: ignore[misc]
    return root or ""


async def wrote(world: World, number: int, path: str) -> bool:
    """Whether an agent's last step is about this file, or is this command."""
    view = await world.agent(number, Status.ACTIVE)
    return view.step is not None and view.step.subject == path


async def transcribed(world: World, command: str) -> bool:
    """Whether a transcript has the call of a command: it is written after the step was told."""
    assert world.program
    async with world.program.engine.db.reading() as session:
        entries = await session.scalars(select(SessionEntry.entry))
    return any(
        block.get("type") == "tool_use" and block["input"].get("command") == command
        for entry in entries
        for block in blocks(entry)
    )


async def test_what_was_not_given_to_it_is_quoted_and_retry_gives_it(world: World) -> None:
    root = await begun(world, "paint")
    await world.says("use <sqlite> *please*", thread=root)
    await world.told("you", "Agent 1 gets this at its next step")
    await world.says("Stop!", thread=root)
    await world.told("you", "Agent 1 is being stopped")
    told = await last(world)
    assert "Left: 1 instruction that it was not given." in told
    assert "you: “use <sqlite> *please*”" in told  # in rich text, where nothing is markup
    assert "press Retry, which gives it these as well" in told
    assert "Half done: its last recorded step was writing paint.txt" in told
    world.script["paint"] = []
    await world.slack.presses("you", world.terminals()[-1], "Retry")
    await world.agent(1, Status.COMPLETED)
    assert world.program
    async with world.program.engine.db.reading() as session:
        assert list(await session.scalars(select(Said.taken_by))) == [2]


async def test_only_who_may_stops_by_a_word(world: World) -> None:
    root = await begun(world, "paint")
    await world.says("stop", who="teammate", thread=root)
    assert "<@U" in line(await world.told("teammate", "You may not stop this agent"))
    await world.says("<@U999> stop", thread=root)  # said to somebody else
    await world.says("stop retrying so often", thread=root)  # an instruction
    await world.told("you", "Agent 1 gets this at its next step")
    await world.interpreted()
    assert not (await world.agent(1, Status.ACTIVE)).cancelling
    await world.says("please stop it", who="reviewer", thread=root)
    await world.agent(1, Status.CANCELLED)
    assert "was stopped* by `reviewer`" in await last(world)


async def test_of_several_nobody_guesses_which_is_to_stop(world: World) -> None:
    root = await begun(world, "first", "second", "third", "fourth")
    for typed in ("stop", "@agent stop"):
        before = len(world.slack.ephemerals("you"))
        await world.says(typed, thread=root)
        await world.until(lambda n=before: len(world.slack.ephemerals("you")) > n)  # type: ignore[misc]
        asked = world.slack.ephemerals("you")[-1]
        assert "Nothing was stopped" in asked.text
        assert "first" in shown(asked)
        assert "fourth" in shown(asked)
    assert [view.cancelling for view in await world.agents()] == [False] * 4
    await world.slack.presses("you", asked, STOP)  # the first of them
    await world.agent(1, Status.CANCELLED)
    await world.says("stop 2", thread=root)
    await world.agent(2, Status.CANCELLED)
    await world.says("3: stop", thread=root)
    await world.agent(3, Status.CANCELLED)
    await world.says("stop", thread=root)  # now one is left
    await world.agent(4, Status.CANCELLED)


async def test_when_all_has_ended_a_stop_starts_nothing(world: World) -> None:
    await world.begins()
    root = await world.says("@agent quick")
    await world.until(world.terminals)
    for typed in ("stop", "@agent stop!", "cancel"):
        before = len(world.slack.ephemerals("you"))
        await world.says(typed, thread=root)
        await world.until(lambda n=before: len(world.slack.ephemerals("you")) > n)  # type: ignore[misc]
        assert "there is nothing to stop" in world.slack.ephemerals("you")[-1].text
    await world.says("stop", who="teammate", thread=root)
    await world.interpreted()
    assert world.slack.ephemerals("teammate") == []
    assert len(await world.agents()) == 1


async def test_what_no_worker_had_taken_says_so(world: World) -> None:
    await world.begins(works=False)
    root = await world.says("@agent later")
    await world.agent(1, Status.PENDING)
    await world.says("stop", thread=root)
    view = await world.agent(1, Status.CANCELLED)
    told = await last(world)
    assert "Done: nothing was changed." in told
    assert "Left: the whole task; no worker had taken it. To have it done, press Retry." in told
    assert "Half done" not in told
    assert view.account is None  # it is of the notice


async def planned(world: World) -> tuple[str, Message]:
    """A plan of three steps, of which the second waits for ever; its thread."""
    world.script |= {"Draw": [Write("draw.txt", "x\n")]}
    world.script |= {"Build": [Write("build.txt", "x\n"), Wait(asyncio.Event())]}
    await world.begins()
    await world.says("/agent workflow calc: draw: Draw it -> build: Build it -> test: Test it")
    card = await world.card()
    return card.ts, (await world.thread(card.ts, 2))[1]


def ends(world: World) -> list[Message]:
    """How workflows ended."""
    told = world.slack.messages("general")
    return [m for m in told if is_notice(m) and m.text.startswith("Workflow w1")]


async def test_a_stopped_workflow_says_how_far_each_step_came(world: World) -> None:
    root, plan = await planned(world)
    await world.slack.presses("you", plan, APPROVE)
    await world.agent(2, Status.ACTIVE)
    await eventually(lambda: wrote(world, 2, "build.txt"))
    await world.says("build: use <sqlite>", thread=root)
    await world.told("you", "Agent 2 gets this at its next step")
    await world.says("stop", thread=root)
    asked = await world.told("you", "Nothing was stopped")
    assert "w1.build" in shown(asked)
    assert "w1.test" in shown(asked)
    await world.slack.presses("you", asked, STOP_ALL)
    [final] = await world.until(lambda: ends(world))
    told = line(final)
    assert "was stopped* by `you`: 1 of 3 done, 2 stopped" in told
    done, half, never = (told.index(f"*{h}*") for h in ("Done", "Stopped half-way", "Never begun"))
    assert done < told.index(" draw ", done) < half < told.index(" build ", half) < never
    assert never < told.index(" test ", never)
    view = await world.agent(2, Status.CANCELLED)
    assert f"1 file +1 −0 in {view.work.commit[:10]} on {view.branch}" in told  # noqa: RUF001 - a minus
    assert "its last recorded step was writing “build.txt”" in told
    assert "1 instruction not given to it: “use <sqlite>”" in told
    assert "`/agent retry w1.build`" in told


async def test_a_plan_that_waits_is_stopped_by_the_word(world: World) -> None:
    root, _ = await planned(world)
    await world.says("stop", thread=root)
    [final] = await world.until(lambda: ends(world))
    assert "was not started" in final.text
    assert await world.agents() == []
