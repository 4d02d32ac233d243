"""The executor without a model."""

import asyncio
from decimal import Decimal
from pathlib import Path

import pytest

from engine.executor import AgentResult, Confinement, Executor, Job, Sandbox, Step, Usage
from engine.scripted import Action, Break, Finish, Hear, ScriptedExecutor, Use, Wait, Write, failure
from engine.states import Cause
from tests.edges.conftest import until


class Diary:
    def __init__(self) -> None:
        self.told: list[tuple[Step, Usage] | int] = []
        self.said: list[str] = []

    async def started(self, pid: int) -> None:
        self.told.append(pid)

    async def step(self, step: Step, usage: Usage) -> None:
        self.told.append((step, usage))

    async def spoken(self) -> tuple[str, ...]:
        said, self.said = tuple(self.said), []
        return said


def job(workspace: Path, task: str = "write a poem") -> Job:
    return Job(1, 1, task, workspace, "", 10, Decimal(1), Confinement(Sandbox.AUTO), {})


async def test_actions_are_done_in_order_and_told(tmp_path: Path) -> None:
    used = Usage(10, 5, Decimal("0.5"), 1)
    plan: dict[str, list[Action]] = {
        "poem": [Write("a/b.txt", "é"), Use(used), Step("Read", "b.txt")]
    }
    executor = ScriptedExecutor(plan, pid=42)
    as_executor: Executor = executor
    diary = Diary()
    result = await as_executor.run(job(tmp_path), diary)

    assert result == AgentResult(success=True, output="Done.", usage=used)
    assert (tmp_path / "a" / "b.txt").read_text(encoding="utf-8") == "é"
    assert diary.told == [42, (Step("Write", "a/b.txt"), Usage()), (Step("Read", "b.txt"), used)]
    assert [done.task for done in executor.jobs] == ["write a poem"]


async def test_a_plan_may_look_at_the_job(tmp_path: Path) -> None:
    executor = ScriptedExecutor(lambda job: [failure(Cause.TURNS, job.task, "half")])
    result = await executor.run(job(tmp_path), Diary())
    assert (result.success, result.cause) == (False, Cause.TURNS)
    assert (result.error, result.output) == ("write a poem", "half")


async def test_an_unknown_task_and_an_early_end_succeed(tmp_path: Path) -> None:
    early = ScriptedExecutor({"poem": [Finish(AgentResult(success=True)), Write("never", "")]})
    assert (await early.run(job(tmp_path), Diary())).success
    assert not (tmp_path / "never").exists()
    assert (await early.run(job(tmp_path, "sing"), Diary())).output == "Done."


async def test_it_waits_for_an_event_and_can_be_cancelled_there(tmp_path: Path) -> None:
    gate = asyncio.Event()
    executor = ScriptedExecutor({"": [Wait(gate), Write("after", "x")]})
    running = asyncio.create_task(executor.run(job(tmp_path), Diary()))
    stopped = asyncio.create_task(executor.run(job(tmp_path), Diary()))
    await asyncio.sleep(0)  # both have begun
    assert len(executor.jobs) == 2
    stopped.cancel()
    with pytest.raises(asyncio.CancelledError):
        await stopped
    assert not (tmp_path / "after").exists()
    gate.set()
    await running
    assert (tmp_path / "after").exists()


async def test_it_can_break(tmp_path: Path) -> None:
    executor = ScriptedExecutor({"": [Break(OSError("disk on fire"))]})
    with pytest.raises(OSError, match="disk on fire"):
        await executor.run(job(tmp_path), Diary())


async def test_it_hears_what_people_say_before_each_action(tmp_path: Path) -> None:
    gate = asyncio.Event()
    executor = ScriptedExecutor({"": [Write("a", "x"), Wait(gate), Hear(), Write("b", "x")]})
    diary = Diary()
    diary.said = ["use sqlite"]
    running = asyncio.create_task(executor.run(job(tmp_path), diary))
    await until(lambda: diary.told)
    assert executor.heard == ["use sqlite"]
    gate.set()
    await asyncio.sleep(0)
    assert not (tmp_path / "b").exists()
    diary.said = ["and", "hurry"]
    async with asyncio.timeout(60):
        await running
    assert executor.heard == ["use sqlite", "and", "hurry"]
    assert (tmp_path / "b").exists()
