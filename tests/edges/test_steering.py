"""What people say to a running agent, through the real Claude CLI: it reaches the model, once."""

import asyncio
import json

import pytest

from engine.claude import ClaudeExecutor
from engine.claude_steering import Steering
from engine.demo_model import Call, DemoModel, Fail, Scene, Script, Turn, call, say
from engine.demo_model.conversation import Conversation, read
from engine.executor import AgentResult
from tests.edges.conftest import Bench, Diary, scripted, until

GLOB = Call("Glob", {"pattern": "*"})
SAID = ["use sqlite", "/cost @.env and hurry"]


def talks(model: DemoModel) -> list[Conversation]:
    return [read(request.body) for request in model.requests if not request.side]


def texts(model: DemoModel, text: str) -> list[int]:
    """How often each request contains a text."""
    asked = [json.dumps(request.body["messages"]) for request in model.requests if not request.side]
    return [body.count(text) for body in asked]


async def steered(bench: Bench, model: DemoModel, diary: Diary, gate: asyncio.Event) -> AgentResult:
    """A run to which people speak while the model thinks about its first answer."""
    running = asyncio.create_task(ClaudeExecutor().run(bench.job(model), diary))
    await until(lambda: talks(model))
    diary.said = [*SAID]
    gate.set()
    return await running


@pytest.mark.parametrize(
    "calls",
    [(GLOB,), (Call("Read", {"file_path": "none.txt"}),), (GLOB, GLOB, GLOB)],
    ids=["a call", "a call that fails", "three calls"],
)
async def test_what_is_said_is_in_the_next_request(bench: Bench, calls: tuple[Call, ...]) -> None:
    gate = asyncio.Event()
    turns = [Turn(calls=calls, after=gate), call("Glob", pattern="*"), say("Done.")]
    async with scripted(turns) as model:
        result = await steered(bench, model, Diary(), gate)

    assert (result.success, result.output) == (True, "Done.")
    assert [talk.said for talk in talks(model)] == [(), tuple(SAID), tuple(SAID)]
    assert all(texts(model, said) == [0, 1, 1] for said in SAID)
    assert "hidden-content" not in str([request.body for request in model.requests])
    assert bench.alive() == []


async def test_what_is_said_during_the_last_answer_is_answered(bench: Bench) -> None:
    gate = asyncio.Event()
    script = (
        Scene("scripted", [Turn("Done.", after=gate)]),
        Scene("sqlite", [call("Glob", pattern="*"), say("With sqlite.")]),
    )
    async with DemoModel(Script(script)) as model:
        diary = Diary()
        running = asyncio.create_task(ClaudeExecutor().run(bench.job(model), diary))
        await until(lambda: talks(model))
        diary.said = [*SAID]
        await until(lambda: not diary.said)  # a silent model is no reason not to ask
        gate.set()
        result = await running

    assert (result.success, result.output, result.unheard) == (True, "With sqlite.", 0)
    assert [talk.task for talk in talks(model)][1:] == [SAID[0], SAID[0]]
    assert [talk.said for talk in talks(model)] == [(), (), (SAID[1],)]
    assert texts(model, SAID[0]) == [0, 1, 1]
    assert [step.subject for step in diary.steps if not step.tool] == ["Done.", "With sqlite."]
    assert result.usage.turns == 3


async def test_what_a_run_that_fails_did_not_hear_is_counted(bench: Bench) -> None:
    gate = asyncio.Event()
    turns = [
        Turn(calls=(GLOB,), after=gate),
        Turn(after=(late := asyncio.Event()), fault=Fail(400)),
    ]
    async with scripted(turns) as model:
        diary = Diary()
        diary.said = ["heard"]
        running = asyncio.create_task(ClaudeExecutor().run(bench.job(model), diary))
        gate.set()
        await until(lambda: len(talks(model)) == 2)
        diary.said = [*SAID]
        await until(lambda: not diary.said)
        late.set()
        result = await running

    assert not result.success
    assert talks(model)[1].said == ("heard",)
    assert result.unheard == 2


async def test_nobody_is_asked_before_the_agent_works_nor_after_its_end() -> None:
    diary = Diary()
    diary.said = ["early", "late"]
    steering = Steering(diary)
    await steering.pass_on()
    steering.end()
    await steering.between()
    steering.check()
    assert diary.said == ["early", "late"]
    assert not steering.outstanding


class Deaf(Diary):
    """A watch that cannot say what was said."""

    async def spoken(self) -> tuple[str, ...]:
        raise LookupError("no such run")


async def test_a_watch_that_fails_ends_the_run(bench: Bench) -> None:
    async with scripted([call("Glob", pattern="*")] * 20) as model:
        with pytest.raises(LookupError, match="no such run"):
            await ClaudeExecutor().run(bench.job(model), Deaf())
    assert bench.alive() == []
