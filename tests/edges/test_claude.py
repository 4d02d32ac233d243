"""The real Claude CLI under the executor, its model scripted: what it does, and what it cannot."""

import asyncio
import json
import os
import pickle
import signal
import sys
import time
from decimal import Decimal
from pathlib import Path

import psutil
import pytest

from engine import processes
from engine.claude import ClaudeExecutor
from engine.claude_messages import OUT_OF_MEMORY
from engine.demo_model import Call, Cut, Fail, Turn, call, say
from engine.demo_model.conversation import read
from engine.executor import AgentResult, Sandbox
from engine.processes import MARKER
from engine.sandbox import sandbox_tools
from engine.states import Cause
from tests.edges.conftest import Bench, Diary, answers, scripted, until

SECRET = "xoxb-not-for-agents"
SLEEP = "python3 -c 'import time; time.sleep(60)'"
NO_SANDBOX = sandbox_tools()


async def test_a_run_does_its_work_and_is_watched_and_accounted(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLACK_BOT_TOKEN", SECRET)
    seen: list[dict[str, str]] = []
    turns = [
        Turn("I'll write it.", (Call("Write", {"file_path": "hello.txt", "content": "Hello"}),), tokens_in=2000, tokens_out=50),
        call("Read", file_path=str(bench.workspace / "none.txt")),
        say("Done, really.", tokens_in=3000, tokens_out=70),
    ]  # fmt: skip
    async with scripted(turns) as model:
        diary = Diary(lambda _: seen.append(psutil.Process(diary.pids[0]).environ()))
        job = bench.job(model, instructions="Be kind to tabs.", context="Somebody waits.")
        result = await ClaudeExecutor().run(job, diary)

    assert result.success
    assert result.output == "Done, really."
    assert (bench.workspace / "hello.txt").read_text() == "Hello"
    assert [(step.tool, step.subject, step.failed) for step in diary.steps] == [
        ("", "I'll write it.", False),
        ("Write", "hello.txt", False),
        ("Read", "none.txt", False),
        ("Read", "none.txt", True),
        ("", "Done, really.", False),
    ]
    assert result.usage.tokens_in == sum(model.tokens_in.values()) == 5000
    assert result.usage.tokens_out == sum(model.tokens_out.values()) == 120
    assert result.usage.cost > 0
    assert result.usage.turns == 3
    assert set(model.tokens_in) == {result.session_id}
    assert result.duration_ms > 0
    assert len(diary.pids) == 1
    assert job.environment.items() <= seen[0].items()
    assert SECRET not in seen[0].values()
    extra = seen[0].keys() - job.environment.keys()
    assert all(
        name.startswith(("CLAUDE_", "DISABLE_")) or name in {"PWD", "TMPDIR"} for name in extra
    )
    body = model.requests[0].body
    assert read(body).task == job.task
    assert "Somebody waits." in str(body["messages"])
    assert "Be kind to tabs." in str(body["system"])
    assert str(bench.workspace) not in str(body["system"])
    assert bench.alive() == []


async def test_requests_of_two_agents_begin_alike_for_the_prompt_cache(bench: Bench) -> None:
    heads = []
    for number, task in enumerate(("Count the words", "Look for what nobody calls"), start=1):
        workspace = bench.root / f"agent-{number}"
        workspace.mkdir()
        async with scripted([say("Done.")]) as model:
            job = bench.job(model, agent_id=number, task=task, workspace=workspace)
            assert (await ClaudeExecutor().run(job, Diary())).success
        body = next(request.body for request in model.requests if not request.side)
        heads.append(json.dumps([body.get("tools"), body.get("system")]))
    longest = max(map(len, heads))
    pairs = enumerate(zip(*heads, strict=False))
    assert longest > 10_000
    assert next((n for n, (one, other) in pairs if one != other), longest) >= 0.95 * longest


async def test_an_agent_stays_within_its_walls(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLACK_BOT_TOKEN", SECRET)
    monkeypatch.setenv("DATABASE_URL", SECRET)
    bash = [
        "env; cat /proc/self/environ /proc/*/environ | tr '\\0' '\\n'; echo end",
        f"cat '{bench.hidden}/token' .env; ls '{bench.hidden}'; echo $TMPDIR",
        f"touch '{bench.outside}/touched' '{bench.readable}/x' inside; cat ../*/file",
        "curl -sS -m 5 http://127.0.0.1:9 || python3 -c 'import urllib.request; urllib.request.urlopen(\"http://example.org\", timeout=5)'",
    ]
    turns = [
        *(call("Bash", command=command) for command in bash),
        call("Bash", command=f"touch '{bench.outside}/let-out'", dangerouslyDisableSandbox=True),
        call("Write", file_path=str(bench.outside / "written"), content="x"),
        call("Read", file_path=str(bench.hidden / "token")),
        call("Grep", pattern="content", path=str(bench.hidden), output_mode="content"),
        call("Read", file_path=str(bench.outside / "file")),
        call("WebFetch", url="https://docs.python.org/3/", prompt="x"),
        call("Agent", description="x", prompt="x", isolation="worktree"),
        call("Bash", command=f"nohup {SLEEP} >/dev/null 2>&1 & echo started"),
        say("Over."),
    ]
    async with scripted(turns) as model:
        result = await ClaudeExecutor().run(bench.job(model), Diary())

    assert result.success, result
    told = answers(model)
    assert len(told) == len(turns) - 1
    everything = "\n".join(answer.text for answer in told)
    assert SECRET not in everything
    assert "hidden-content" not in everything
    assert "outside-content" not in everything
    assert [path.name for path in bench.outside.iterdir()] == ["file"]
    assert [path.name for path in bench.readable.iterdir()] == ["file"]
    assert all(answer.failed for answer in told[5:11])
    assert bench.alive() == []
    if NO_SANDBOX:
        assert all(answer.failed for answer in told if answer.tool == "Bash")
    else:
        assert f"{MARKER}={bench.marker}" in told[0].text
        assert (bench.workspace / "inside").exists()
        assert "shown-content" in told[2].text
        assert told[3].failed
        assert "/mab-run-" in told[1].text  # agents do not share temporary files
        assert told[11].text.startswith("started")


async def test_without_the_sandbox_there_is_no_bash_and_the_rest_works(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    if sys.platform == "darwin":
        pytest.skip("the sandbox of macOS is part of the system")
    monkeypatch.setenv("PATH", str(bench.home))
    (bench.workspace / "notes.txt").write_text("find me\n")
    turns = [
        call("Bash", command="touch touched"),
        call("Grep", pattern="find"),
        call("Glob", pattern="*.txt"),
        call("Read", file_path=str(bench.hidden / "token")),
        call("Edit", file_path=str(bench.hidden / "token"), old_string="hidden", new_string="x"),
        call("Read", file_path=".env"),
        call("Write", file_path=".env", content="x"),
        call("Grep", pattern="content", output_mode="content"),
        call("Write", file_path=str(bench.outside / "written"), content="x"),
        say("Over."),
    ]
    async with scripted(turns) as model:
        result = await ClaudeExecutor().run(bench.job(model), Diary())
        refused = await ClaudeExecutor().run(bench.job(model, Sandbox.REQUIRED), Diary())

    assert result.success
    assert "Bash" not in read(model.requests[0].body).tools
    failed = [answer.failed for answer in answers(model)]
    assert failed == [True, False, False, True, True, True, True, False, True]
    assert "hidden-content" not in "".join(answer.text for answer in answers(model))
    assert (bench.workspace / ".env").read_text() == "hidden-content"
    assert "notes.txt" in answers(model)[1].text
    assert not (bench.workspace / "touched").exists()
    assert (bench.hidden / "token").read_text() == "hidden-content"
    assert [path.name for path in bench.outside.iterdir()] == ["file"]
    assert refused.cause is Cause.SANDBOX
    assert "bwrap" in refused.error
    assert "socat" in refused.error


SCHEMA = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "size": {"type": "integer"}},
    "required": ["name", "size"],
    "additionalProperties": False,
}


async def test_who_only_reads_changes_nothing_and_answers_with_data(bench: Bench) -> None:
    turns = [
        call("Write", file_path="new.txt", content="x"),
        call("Edit", file_path=".env", old_string="hidden", new_string="x"),
        call("Bash", command=f"touch '{bench.workspace}/touched'"),
        call("WebFetch", url="https://example.org/", prompt="x"),
        call("Grep", pattern="shown", path=str(bench.readable), output_mode="content"),
        call("StructuredOutput", name="a", size="big"),
        Turn("Here it is.", (Call("StructuredOutput", {"name": "a", "size": 3}),)),
        say("never asked for"),
    ]
    async with scripted(turns) as model:
        diary = Diary()
        job = bench.job(model, Sandbox.OFF, reads_only=True, schema=SCHEMA)
        result = await ClaudeExecutor().run(job, diary)

    assert result.success, result
    assert result.data == {"name": "a", "size": 3}
    assert result.output == "Here it is."
    assert len([request for request in model.requests if not request.side]) == 7
    assert [answer.failed for answer in answers(model)] == [True] * 4 + [False, True]
    assert "shown-content" in answers(model)[4].text
    assert [path.name for path in bench.workspace.iterdir()] == [".env"]
    assert (bench.workspace / ".env").read_text() == "hidden-content"
    assert [step.tool for step in diary.steps if not step.failed][-2:] == ["Grep", ""]
    tools = read(model.requests[0].body).tools
    assert {"Write", "Edit", "NotebookEdit", "Bash", "WebFetch", "Agent"}.isdisjoint(tools)


async def test_an_unconfined_shell_works_and_what_it_leaves_running_ends_with_the_run(
    bench: Bench,
) -> None:
    lasting: list[str] = []
    turns = [
        call(
            "Bash", command=f"touch '{bench.outside}/touched'; (setsid {SLEEP} >/dev/null 2>&1 &)"
        ),
        say("Over."),
    ]
    async with scripted(turns) as model:
        diary = Diary(lambda step: lasting.extend(bench.alive() if not step.tool else ()))
        result = await ClaudeExecutor().run(bench.job(model, Sandbox.OFF), diary)

    assert result.success
    assert (bench.outside / "touched").exists()
    assert any("time.sleep(60)" in line for line in lasting)
    assert bench.alive() == []


GLOB = Turn("Looking.", (Call("Glob", {"pattern": "*"}),), tokens_in=100_000, tokens_out=1000)
FAILURES = [
    pytest.param([GLOB] * 5, {"max_turns": 2}, Cause.TURNS, "turns", id="turns"),
    pytest.param([GLOB] * 5, {"budget": Decimal("0.01")}, Cause.BUDGET, "budget", id="budget"),
    pytest.param([GLOB, Turn(fault=Fail(529))], {}, Cause.OVERLOADED, "529", id="overloaded"),
    pytest.param([GLOB, Turn("Half a word", fault=Cut())], {}, Cause.CONNECTION, "API Error", id="cut"),
    pytest.param([GLOB], {"environment": {"ANTHROPIC_API_KEY": "wrong"}}, Cause.BAD_KEY, "Invalid API key", id="key"),
]  # fmt: skip


@pytest.mark.parametrize(("turns", "facts", "cause", "words"), FAILURES)
async def test_a_failure_says_why_and_keeps_what_was_done(
    bench: Bench, turns: list[Turn], facts: dict[str, object], cause: Cause, words: str
) -> None:
    async with scripted(turns) as model:
        result = await ClaudeExecutor().run(bench.job(model, **facts), Diary())  # type: ignore[arg-type]

    assert not result.success
    assert result.cause is cause
    assert words in result.error
    assert result.usage.tokens_in == sum(model.tokens_in.values())
    if cause is not Cause.BAD_KEY:
        assert result.output.startswith("Looking.")
        assert result.usage.cost > 0
    assert "API Error" not in result.output
    assert len(model.requests) < 8
    assert bench.alive() == []


async def test_a_cancelled_run_leaves_no_process_not_even_below_a_shell(bench: Bench) -> None:
    sandbox = Sandbox.AUTO if not NO_SANDBOX else Sandbox.OFF
    turn = Turn("Slow.", (Call("Bash", {"command": SLEEP}),), tokens_in=1000, tokens_out=10)
    async with scripted([turn]) as model:
        diary = Diary()
        running = asyncio.create_task(ClaudeExecutor().run(bench.job(model, sandbox), diary))
        await until(lambda: any("python3 -c" in line for line in bench.alive()))
        await until(lambda: diary.usage.tokens_in)
        begun = time.monotonic()
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running

    assert bench.alive() == []
    assert time.monotonic() - begun < 40  # of the 60 s that its shell would take
    assert diary.usage.tokens_in == 1000
    assert diary.usage.cost > 0


async def test_a_cli_that_dies_is_a_crash_with_what_was_said(bench: Bench) -> None:
    turn = Turn("Thinking.", (Call("Glob", {"pattern": "*"}),), tokens_in=1000, tokens_out=10)
    async with scripted([turn, Turn(after=asyncio.Event())]) as model:
        diary = Diary()
        running = asyncio.create_task(ClaudeExecutor().run(bench.job(model), diary))
        await until(lambda: len(model.requests) == 2)
        os.kill(diary.pids[0], signal.SIGKILL)
        result = await running

    assert result.cause is Cause.CLI_CRASHED
    assert result.error.startswith(OUT_OF_MEMORY), "as the kernel does when memory runs out"
    assert result.output == "Thinking."
    assert result.usage.tokens_in == 1000
    assert bench.alive() == []


WORKER = """
import asyncio, pickle, sys
from engine import processes
from engine.claude import ClaudeExecutor
class Mute:
    async def started(self, pid): pass
    async def step(self, step, usage): pass
    async def spoken(self): return ()
asyncio.run(ClaudeExecutor().run(pickle.load(sys.stdin.buffer), Mute()))
"""


async def test_the_cli_dies_with_its_worker(bench: Bench) -> None:
    async with scripted([Turn(after=asyncio.Event())]) as model:
        worker = await asyncio.create_subprocess_exec(
            sys.executable, "-c", WORKER,
            cwd=Path(__file__).parents[2],
            env={**os.environ, "TMPDIR": str(bench.home)},  # where it leaves its scratch
            stdin=asyncio.subprocess.PIPE,
        )  # fmt: skip
        assert worker.stdin
        worker.stdin.write(pickle.dumps(bench.job(model)))
        worker.stdin.close()
        await until(lambda: model.requests)
        root = next(process for process in bench.members() if "stream-json" in process.cmdline())
        worker.kill()
        await worker.wait()
        await until(lambda: not root.is_running())
    # the CLI's helpers may outlive it; whoever takes over finds them by the marker
    await processes.end(bench.marked(), grace=0)
    assert bench.alive() == []


async def test_what_is_missing_is_named(bench: Bench, tmp_path: Path) -> None:
    async with scripted([]) as model:
        no_cli = await ClaudeExecutor(tmp_path / "claude").run(bench.job(model), Diary())
        gone = bench.job(model, workspace=tmp_path / "gone")
        no_workspace = await ClaudeExecutor().run(gone, Diary())

    assert isinstance(no_cli, AgentResult)
    assert no_cli.cause is Cause.CLI_MISSING
    assert str(tmp_path / "claude") in no_cli.error
    assert no_workspace.cause is Cause.WORKTREE
    assert str(tmp_path / "gone") in no_workspace.error
