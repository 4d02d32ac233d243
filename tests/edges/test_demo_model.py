"""The demo model: what it understands, that it really does it, and how it can be made to fail."""

import asyncio
import json
import os
from collections.abc import AsyncIterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from bot import sample
from engine.claude import ClaudeExecutor
from engine.demo_model import (
    CHIPS,
    Call,
    Conversation,
    Cut,
    DemoModel,
    Fail,
    Result,
    Scene,
    Script,
    Turn,
    call,
    conversation,
    say,
)
from engine.demo_model.brain import answer
from engine.demo_model.sources import last_lines, repair, sections, unnumbered
from engine.demo_model.wishes import Append, Create, understand
from engine.executor import Confinement, Job, Sandbox, Step, Usage
from engine.sandbox import sandbox_tools
from tests.edges.conftest import until

UNDERSTOOD = [
    (CHIPS[0], Create("hello.txt", "Hello from agent!")),
    ('create file a.txt with content "x"', Create("a.txt", "x")),
    ("Please create a new file named notes/today.md containing “Grüße 👋”.", Create("notes/today.md", "Grüße 👋")),
    ("Make a text file called `a b.txt` that says 'hi'", Create("a b.txt", "hi")),
    ("Create an empty file called .keep in the folder data", Create("data/.keep", "")),
    ('Create a file called x.py with the following content:\n```python\nprint("1")\nprint(2)\n```', Create("x.py", 'print("1")\nprint(2)')),
    ('Could you write "one\ntwo" to lines.txt?', Create("lines.txt", "one\ntwo")),
    ('Append the line "Bye." to README.md', Append("README.md", "Bye.")),
    ("add a line 'x' at the end of the file log/a.txt.", Append("log/a.txt", "x")),
]  # fmt: skip
NOT_UNDERSTOOD = [
    "Deploy it to production",
    "Create a file called a.txt containing a summary of the repository",
    'Create a file called a.txt with the content "x" and deploy it',
    'Create a file called a with the content "x" and another file called b with the content "y"',
    "Create a file",
    "",
]


@pytest.mark.parametrize(("task", "wish"), UNDERSTOOD)
def test_simple_wishes_are_understood(task: str, wish: Create | Append) -> None:
    assert understand(task) == wish


@pytest.mark.parametrize("task", NOT_UNDERSTOOD)
def test_a_task_that_is_not_understood_whole_is_refused_in_words(task: str) -> None:
    turn = answer(talk(task))
    assert not turn.calls
    assert "cannot do this" in turn.text
    assert "nothing was changed" in turn.text
    assert "ANTHROPIC_API_KEY" in turn.text


def talk(task: str, *results: Result, tools: tuple[str, ...] = ("Read", "Bash")) -> Conversation:
    return Conversation(task, len(results), results, frozenset(tools), "m", "s")


@pytest.mark.parametrize("task", [*CHIPS, 'Append "x" to a.txt'])
def test_a_failed_tool_call_is_admitted(task: str) -> None:
    first = answer(talk(task)).calls
    assert first
    results = tuple(Result(c.tool, c.arguments, "EACCES: no way", failed=True) for c in first)
    turn = answer(talk(task, *results))
    assert not turn.calls
    assert "did not work" in turn.text
    assert "EACCES: no way" in turn.text


def test_a_file_that_exists_is_read_before_it_is_replaced() -> None:
    unread = Result("Write", {}, "File has not been read yet.", failed=True)
    shown = Result("Read", {}, "1\told", failed=False)
    same = Result("Read", {}, "1\tHello from agent!", failed=False)
    assert answer(talk(CHIPS[0], unread)).calls[0].tool == "Read"
    assert answer(talk(CHIPS[0], unread, shown)).calls[0].tool == "Write"
    assert "nothing to change" in answer(talk(CHIPS[0], unread, same)).text


def test_a_line_goes_to_the_end_wherever_the_end_is() -> None:
    task = 'Append the line "z" to a.txt'
    missing = Result("Read", {}, "File does not exist.", failed=True)
    twice = Result("Read", {}, "1\ta\n2\tb\n3\ta\n4\tb\n5\tb", failed=False)
    assert answer(talk(task, missing)).calls[0].arguments["content"] == "z\n"
    edit = answer(talk(task, twice)).calls[0].arguments
    assert (edit["old_string"], edit["new_string"]) == ("b\nb", "b\nb\nz")


def test_sources_are_read_as_they_are_shown() -> None:
    assert unnumbered("     1\ta\n     2\t\n    10→b\n<system-reminder>") == "a\n\nb"
    assert last_lines("a\na\n") == "a\na"
    assert last_lines("\n\n") == ""
    found = sections("# One\n\nFirst. Second.\n\n## Two\n```\ncode.\n```\n")
    assert [(part.title, part.first) for part in found] == [("One", "First."), ("Two", "")]


def test_only_what_the_test_contradicts_is_repaired() -> None:
    right = "def f(a, b):\n    return a + b\n"
    wrong = "def f(a, b):\n    return a - b\n"
    test = "t.assertEqual(m.f(2, 3), 5)"
    found = repair(wrong, test)
    assert found
    assert wrong.replace(found.old, found.new) == right
    assert repair(right, test) is None
    assert repair(wrong, "t.assertEqual(m.f(2, 3), 99)") is None


BODY: dict[str, Any] = {
    "model": "m",
    "stream": True,
    "metadata": {"user_id": json.dumps({"session_id": "s1"})},
    "tools": [{"name": "Read"}],
    "messages": [
        {"role": "user", "content": [
            {"type": "text", "text": "<system-reminder>x</system-reminder>"},
            {"type": "text", "text": "scripted\n\n<context>\nnot the task\n</context>"},
        ]},
    ],
}  # fmt: skip


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


async def post(
    http: aiohttp.ClientSession, model: DemoModel, path: str = "/v1/messages", **facts: Any
) -> tuple[int, str]:
    headers = {"x-api-key": facts.pop("key", model.token)}
    async with http.post(model.url + path, json={**BODY, **facts}, headers=headers) as response:
        return response.status, await response.text()


def scripted(*turns: Turn) -> DemoModel:
    return DemoModel(Script((Scene("scripted", turns),)))


async def test_only_the_holder_of_the_token_is_answered(http: aiohttp.ClientSession) -> None:
    async with scripted(say("hello")) as model:
        assert (await post(http, model, key="guess"))[0] == 401
        assert (await post(http, model, "/v1/messages/count_tokens", key="guess"))[0] == 401
        bearer = {"Authorization": f"Bearer {model.token}"}
        async with http.post(f"{model.url}/v1/messages", json=BODY, headers=bearer) as response:
            assert response.status == 200
        assert len(model.requests) == 1


async def test_turns_are_spoken_streamed_or_whole_and_charged(http: aiohttp.ClientSession) -> None:
    turn = Turn("Look.", (Call("Read", {"file_path": "a"}),), tokens_in=10, tokens_out=3)
    async with scripted(turn) as model:
        _, streamed = await post(http, model)
        _, whole = await post(http, model, stream=False)
        _, counted = await post(http, model, "/v1/messages/count_tokens")
        _, side = await post(http, model, tools=[], stream=False)

    data = [json.loads(line[6:]) for line in streamed.splitlines() if line.startswith("data: ")]
    assert [event["type"] for event in data][:2] == ["message_start", "content_block_start"]
    assert data[-2]["delta"]["stop_reason"] == "tool_use"
    assert json.loads(data[5]["delta"]["partial_json"]) == {"file_path": "a"}
    assert [block["type"] for block in json.loads(whole)["content"]] == ["text", "tool_use"]
    assert json.loads(counted)["input_tokens"] > 0
    assert json.loads(side)["content"][0]["type"] == "text"
    assert (model.tokens_in["s1"], model.tokens_out["s1"]) == (20, 6)
    assert [request.side for request in model.requests] == [False, False, True]


async def test_faults_last_as_long_as_they_are_told(http: aiohttp.ClientSession) -> None:
    async with scripted(Turn("ok", fault=Fail(529, times=2), tokens_in=1)) as model:
        codes = [(await post(http, model))[0] for _ in range(3)]
    assert codes == [529, 529, 200]
    assert model.tokens_in["s1"] == 1
    async with scripted(Turn("ok", fault=Cut())) as model:
        for _ in range(2):
            with pytest.raises(aiohttp.ClientError):
                await post(http, model)


async def test_a_first_byte_can_be_held_back(http: aiohttp.ClientSession) -> None:
    asked, gate = asyncio.Event(), asyncio.Event()

    def late(_: Conversation) -> Turn:
        asked.set()
        return Turn("late", after=gate)

    async with DemoModel(late) as model:
        asking = asyncio.create_task(post(http, model))
        await asked.wait()
        done, _ = await asyncio.wait({asking}, timeout=0.1)
        assert not done
        gate.set()
        assert (await asking)[0] == 200


@pytest.mark.parametrize(("status", "wait"), [(401, None), (429, 3), (500, None), (529, None)])
async def test_whatever_is_asked_fails_as_often_as_is_ordered(
    http: aiohttp.ClientSession, status: int, wait: int | None
) -> None:
    async with scripted(Turn("ok", tokens_in=1)) as model:
        fault = model.faults.fails(status, times=2, retry_after=wait)
        headers = {"x-api-key": model.token}
        async with http.post(f"{model.url}/v1/messages", json=BODY, headers=headers) as response:
            said = response.status, response.headers.get("retry-after")
            kind = (await response.json())["error"]["type"]
        assert said == (status, wait and str(wait))
        assert kind.endswith("_error")
        assert [(await post(http, model))[0] for _ in range(2)] == [status, 200]
        assert (fault.struck, len(model.requests), model.tokens_in["s1"]) == (2, 1, 1)


async def test_the_key_is_refused_until_that_is_cleared(http: aiohttp.ClientSession) -> None:
    async with scripted(say("ok")) as model:
        fault = model.faults.fails(401, times=None)
        assert {(await post(http, model))[0] for _ in range(3)} == {401}
        model.faults.clear(fault)
        assert (await post(http, model))[0] == 200


async def test_streams_are_cut_and_first_bytes_wait_by_order(http: aiohttp.ClientSession) -> None:
    async with scripted(Turn("ok", tokens_in=1)) as model:
        model.faults.cuts()
        with pytest.raises(aiohttp.ClientError):
            await post(http, model)
        slow = model.faults.slow(times=None)
        asking = asyncio.create_task(post(http, model))
        await until(lambda: slow.struck)
        done, _ = await asyncio.wait({asking}, timeout=0.1)
        assert (done, slow.struck) == (set(), 1)
        model.faults.clear()
        assert (await asking)[0] == 200
        assert (await post(http, model))[0] == 200
        assert model.tokens_in["s1"] == 2


@pytest.mark.parametrize("found", ["find source path", "get type of source"])
def test_a_shell_call_whose_sandbox_did_not_start_is_made_once_more(found: str) -> None:
    script = Script((Scene("count", (call("Bash", command="wc"), say("Three."))),))
    said = f"Exit code 1\nbwrap: Can't {found} /shop/.git/config.lock: No such file"
    unstarted = Result("Bash", {"command": "wc"}, said, failed=True)
    counted = replace(unstarted, text="3", failed=False)
    asked = Conversation("count", 0, (), frozenset({"Bash"}), "model", "session")
    assert script(replace(asked, turn=1, results=(unstarted,))) == call("Bash", command="wc")
    assert script(replace(asked, turn=2, results=(unstarted, counted))) == say("Three.")
    refused = replace(unstarted, text="Exit code 1")  # what failed by itself is not repeated
    assert script(replace(asked, turn=1, results=(refused,))) == say("Three.")


async def test_a_script_has_an_end(http: aiohttp.ClientSession) -> None:
    async with DemoModel(Script((Scene("other", (call("Read"),)),))) as model:
        assert "no scene" in (await post(http, model))[1]
    async with scripted() as model:
        assert "is over" in (await post(http, model))[1]


class Mute:
    async def started(self, pid: int) -> None:
        pass

    async def step(self, step: Step, usage: Usage) -> None:
        pass

    async def spoken(self) -> tuple[str, ...]:
        return ()


async def demo(task: str, root: Path) -> str:
    """The answer to a task on the sample repository, through the real CLI."""
    await sample.create(root / "sample")
    home = str(root / "home")
    async with DemoModel() as model:
        environment = {
            "PATH": os.environ["PATH"], "HOME": home, "CLAUDE_CONFIG_DIR": home, **model.environment,
        }  # fmt: skip
        job = Job(
            1, 1, task, root / "sample", "", 30, Decimal(1), Confinement(Sandbox.AUTO), environment
        )
        result = await ClaudeExecutor().run(job, Mute())
    assert result.success, result
    assert result.usage.cost == 0  # a demo costs nothing, and says so
    return result.output


async def test_the_demo_really_repairs_the_sample(tmp_path: Path) -> None:
    words = await demo(CHIPS[2], tmp_path)
    assert "return left - right" in (tmp_path / "sample" / "calculator.py").read_text()
    assert "return left - right" in words
    if sandbox_tools():
        assert "could not run the tests" in words
    else:
        assert "Tests before: FAILED (failures=1). Tests now: OK." in words


async def test_the_demo_really_summarises_the_readme(tmp_path: Path) -> None:
    words = await demo(CHIPS[1], tmp_path)
    summary = (tmp_path / "sample" / "SUMMARY.md").read_text()
    assert "**Contributing**: Change one thing at a time." in summary
    assert summary.strip() in words


async def test_a_question_is_answered_from_the_source() -> None:
    shown = '1\tdef f(a):\n2\t    """Do f."""\n3\tdef g(): pass'
    turn = answer(talk(CHIPS[3], Result("Read", {}, shown, failed=False)))
    assert turn.text.splitlines()[2:] == ["- `f`: Do f.", "- `g`: has no description"]
    broken = answer(talk(CHIPS[3], Result("Read", {}, "1\tdef f(", failed=False)))
    assert "cannot be read as Python" in broken.text


def test_counting_takes_its_time_and_ends() -> None:
    waited = Result("Bash", {}, "", failed=False)
    assert "sleep(5)" in answer(talk(CHIPS[4])).calls[0].arguments["command"]
    assert answer(talk(CHIPS[4], tools=("Read",))).pause == 5
    assert not answer(talk(CHIPS[4], *[waited] * 12)).calls


def test_it_heeds_what_is_said_meanwhile_as_far_as_it_can() -> None:
    waited = Result("Bash", {}, "", failed=False)
    halfway = talk(CHIPS[4], *[waited] * 4)
    assert answer(halfway).calls
    ended = answer(replace(halfway, said=("Count to 20 only",)))
    assert not ended.calls
    assert ended.text.startswith("Counted to 20;")
    assert "Meanwhile you said “Count to 20 only”." in ended.text
    assert answer(replace(halfway, said=("hello",))).calls


def spoken(role: str, *texts: str) -> dict[str, Any]:
    return {"role": role, "content": [{"type": "text", "text": text} for text in texts]}


def test_a_session_that_is_gone_on_with_is_about_the_newest_task() -> None:
    used = {"type": "tool_use", "id": "1", "name": "Glob", "input": {}}
    found = {"type": "tool_result", "tool_use_id": "1", "content": "a.txt"}
    steered = "The user sent a new message while you were working:\n{}\n\nThis is how Claude Code …"
    first = [
        spoken("user", "<system-reminder>x", "First\n\n<context>\nc\n</context>"),
        spoken("user", "Not answered yet"),
        {"role": "assistant", "content": [used]},
        {"role": "user", "content": [found]},
        spoken("system", steered.format("be quick\nplease"), steered.format("and kind")),
        spoken("assistant", "Half"),
        spoken("user", "Output token limit hit. Go on."),
        spoken("assistant", "Done."),
    ]
    talked = conversation.read({"messages": first})
    assert (talked.task, talked.turn, len(talked.results), talked.earlier) == ("First", 3, 1, ())
    assert talked.said == ("be quick\nplease", "and kind")
    more = conversation.read({"messages": [*first, spoken("user", "Second")]})
    assert (more.task, more.turn, more.results, more.said) == ("Second", 0, (), ())
    assert more.earlier == ("First",)
