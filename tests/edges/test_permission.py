"""Tool calls that wait for people, with the real CLI: deferred, decided, gone on with elsewhere."""

import asyncio
import os
import pickle
import shutil
import signal
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

import pytest

from engine import processes
from engine.claude import ClaudeExecutor
from engine.claude_pending import taken_up, waiting
from engine.claude_permission import ALONE
from engine.claude_resume import NOT_RUN, UNKNOWN
from engine.demo_model import Call, Conversation, DemoModel, Fail, Result, Scene, Script, Turn, say
from engine.demo_model.conversation import read
from engine.executor import AgentResult, Confinement, Sandbox, Settled, Watch
from engine.permissions import rule_for
from engine.sandbox import sandbox_tools
from engine.sessions import Sessions
from engine.store import Database
from engine.transcripts import name
from tests.edges.conftest import Bench, Diary, scripted, until

ASK = ("Bash(tee:*)",)
SANDBOX = Sandbox.OFF if sandbox_tools() else Sandbox.AUTO
DENIED = "Mia does not allow this: not before the release."
sqlite_only = pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)


def asked(number: int = 0) -> Call:
    """A command that people are asked about; each run of it leaves a line."""
    return Call("Bash", {"command": f"echo {number} | tee -a ran.txt"})


FREE = Call("Bash", {"command": "mkdir made"})


@dataclass
class Host:
    """An agent whose session is kept, and which never works at one place twice."""

    bench: Bench
    db: Database
    model: DemoModel
    facts: dict[str, object] = field(default_factory=dict)
    session: str = ""
    moves: int = 0

    async def run(self, watch: Watch | None = None, **facts: object) -> AgentResult:
        kept = {"sandbox": SANDBOX, "ask": ASK, "project": "agent:1", "session_id": self.session}
        job = self.bench.job(self.model, **{**kept, **self.facts, **facts})  # type: ignore[arg-type]
        result = await ClaudeExecutor(sessions=Sessions(self.db)).run(job, watch or Diary())
        self.session = result.session_id or self.session
        assert self.bench.alive() == []
        return result

    async def again(self, *settled: Settled, **facts: object) -> AgentResult:
        """Go on on another host: no configuration, the workspace elsewhere."""
        shutil.rmtree(self.bench.home / ".claude", ignore_errors=True)
        self.moves += 1
        self.bench.workspace = self.bench.workspace.rename(self.bench.root / f"place {self.moves}")
        return await self.run(None, settled=settled, **facts)

    async def transcript(self) -> list[dict[str, object]]:
        return await Sessions(self.db).load(name("agent:1", self.session)) or []  # type: ignore[return-value]

    def ran(self) -> list[str]:
        file = self.bench.workspace / "ran.txt"
        return file.read_text().split() if file.exists() else []

    def talk(self) -> Conversation:
        return self.talks()[-1]

    def talks(self) -> list[Conversation]:
        return [read(request.body) for request in self.model.requests if not request.side]

    def results(self) -> dict[str, Result]:
        """What the model was told of each command, or file."""
        return {
            str(result.arguments.get("command") or result.arguments.get("file_path")): result
            for result in self.talk().results
        }


@pytest.mark.parametrize(
    "hidden",
    ['echo "-----BEGIN PRIVATE KEY-----"; touch made', "echo x://a:$(touch${IFS}made)@b"],
)
@sqlite_only
async def test_what_would_be_masked_is_not_put_to_people(
    bench: Bench, db: Database, hidden: str
) -> None:
    turns = [Turn(calls=(Call("Bash", {"command": hidden}),)), say("Done.")]
    async with host(bench, db, turns) as agent:
        result = await agent.run()
        assert (result.waits, result.output) == ((), "Done.")
        assert "looks like a secret" in agent.talk().results[0].text
        assert not (bench.workspace / "made").exists()


@asynccontextmanager
async def host(
    bench: Bench, db: Database, turns: Sequence[Turn], **facts: object
) -> AsyncIterator[Host]:
    async with scripted(turns) as model:
        yield Host(bench, db, model, facts)


async def test_a_call_waits_without_a_process_and_runs_once_when_it_is_allowed(
    bench: Bench, db: Database
) -> None:
    async with host(bench, db, [Turn("I'll write.", (asked(),)), say("Done.")]) as agent:
        first = await agent.run()
        (call,) = first.waits
        assert (first.success, first.cause, first.output) == (True, None, "I'll write.")
        assert (call.tool, call.given, call.because) == ("Bash", asked().arguments, ASK[0])
        assert first.beside == ()
        assert agent.ran() == []
        last = await agent.again(Settled(call.id, allowed=True), context="Use sqlite.")

        assert (last.success, last.output, last.waits) == (True, "Done.", ())
        assert last.session_id == first.session_id
        assert agent.ran() == ["0"]
        assert [talk.turn for talk in agent.talks()] == [0, 1]
        assert agent.talk().told == ("Use sqlite.",)
        (result,) = agent.talk().results
        assert (result.text, result.failed) == ("0", False)
        assert last.usage.turns == 1


async def test_a_denied_call_never_runs_and_the_agent_is_told_why(
    bench: Bench, db: Database
) -> None:
    async with host(bench, db, [Turn(calls=(asked(),)), say("A pity.")]) as agent:
        (call,) = (await agent.run()).waits
        last = await agent.again(Settled(call.id, said=DENIED))

        assert (last.success, last.output) == (True, "A pity.")
        assert agent.ran() == []
        (result,) = agent.talk().results
        assert (result.text, result.failed) == (DENIED, True)
        assert agent.talk().told == ("",)


@sqlite_only
async def test_what_is_allowed_for_the_agent_runs_unasked_and_nothing_else(
    bench: Bench, db: Database
) -> None:
    turns = [
        Turn(calls=(asked(1),)),
        Turn(calls=(asked(1),)),
        Turn(calls=(asked(2),)),
        say("Done."),
    ]
    async with host(bench, db, turns) as agent:
        (first,) = (await agent.run()).waits
        always = (rule_for(first.tool, first.given, bench.workspace),)
        (second,) = (await agent.again(Settled(first.id, allowed=True), allowed=always)).waits
        assert second.given == asked(2).arguments
        assert agent.ran() == ["1", "1"]
        last = await agent.again(Settled(second.id, said=DENIED), allowed=always)
        assert last.output == "Done."
        assert agent.ran() == ["1", "1"]


MIXES = ["ad", "da", "aa", "dd", "afd", "faa", "adafa", "aaaaa", "dfdad"]


@sqlite_only
@pytest.mark.parametrize("mix", MIXES)
async def test_calls_of_one_message_are_settled_each_once(
    bench: Bench, db: Database, mix: str
) -> None:
    """Of the calls (a)llowed and (d)enied ones wait, and those that are (f)ree run at once."""
    calls = tuple(FREE if kind == "f" else asked(number) for number, kind in enumerate(mix))
    async with host(bench, db, [Turn(calls=calls), say("Done.")]) as agent:
        first = await agent.run()
        wanted = [number for number, kind in enumerate(mix) if kind != "f"]
        assert [call.given for call in first.waits] == [
            asked(number).arguments for number in wanted
        ]
        assert [step.subject for step in first.beside] == ["mkdir made"] * mix.count("f")
        assert (bench.workspace / "made").exists() is ("f" in mix)
        assert agent.ran() == []
        kinds = [mix[number] for number in wanted]
        last = await agent.again(
            *(
                Settled(call.id, allowed=kind == "a", said="" if kind == "a" else DENIED)
                for call, kind in zip(first.waits, kinds, strict=True)
            )
        )

        assert last.output == "Done."
        assert agent.ran() == [str(number) for number in wanted if mix[number] == "a"]
        assert len(agent.talks()) == 2
        results = agent.results()
        assert len(agent.talk().results) == len(mix)
        for number in wanted:
            text = str(number) if mix[number] == "a" else DENIED
            found = results[asked(number).arguments["command"]]
            assert (found.text, found.failed) == (text, mix[number] == "d")
        assert waiting(await agent.transcript()) == ()


@sqlite_only
async def test_what_waits_may_be_told_again_in_the_same_session(bench: Bench, db: Database) -> None:
    turns = [
        Turn(calls=(asked(1), asked(2), FREE)), Turn(calls=(asked(3), asked(4))),
        Turn(calls=(Call("Glob", {"pattern": "*"}),)), say("Done."),
    ]  # fmt: skip
    async with host(bench, db, turns) as agent:
        one, two = (await agent.run()).waits
        three, four = (
            await agent.again(Settled(one.id, allowed=True), Settled(two.id, said=DENIED))
        ).waits
        last = await agent.again(Settled(three.id, allowed=True), Settled(four.id, allowed=True))
        assert last.output == "Done."
        assert agent.ran() == ["1", "3", "4"]
        assert len(agent.talk().results) == 6
        assert [result.text for result in agent.talk().results].count(DENIED) == 1
        agent.facts["task"] = "do the scripted thing again"
        after = await agent.run(settled=None)
        assert after.waits
        assert len(agent.talk().results) == 0
        assert len(agent.talk().earlier) == 1
        assert "Done." in str(agent.model.requests[-1].body["messages"])


@sqlite_only
async def test_nobody_allowed_it_so_it_does_not_run_whatever_is_asked_next(
    bench: Bench, db: Database
) -> None:
    """A session whose call waits is gone on with by a new task, or without any decision."""
    script = Script(
        (Scene("scripted", [Turn(calls=(asked(),)), say("Over.")]), Scene("", [say("New.")]))
    )
    async with DemoModel(script) as model:
        agent = Host(bench, db, model)
        assert (await agent.run()).waits
        follow_up = await agent.run(task="another", settled=None, ask=())
        assert follow_up.output == "New."
        assert agent.ran() == []
        assert agent.talk().task == "another"
        assert NOT_RUN in str(model.requests[-1].body["messages"])
        agent.session = ""
        assert (await agent.run()).waits
        assert (await agent.again(ask=())).output == "Over."
        assert agent.ran() == []
        (result,) = agent.talk().results
        assert (result.text, result.failed) == (NOT_RUN, True)


WORKER = """
import asyncio, pickle, sys
from engine import processes
from engine.claude import ClaudeExecutor
from engine.sessions import Sessions
from engine.store import Database
class Mute:
    async def started(self, pid): pass
    async def step(self, step, usage): pass
    async def spoken(self): return ()
async def main():
    url, job = pickle.load(sys.stdin.buffer)
    await ClaudeExecutor(sessions=Sessions(Database.connect(url))).run(job, Mute())
asyncio.run(main())
"""
SLOW = "echo ran | tee -a ran.txt; python3 -c 'import time; time.sleep(60)'"


@sqlite_only
@pytest.mark.parametrize("calls", [1, 2], ids=["by the CLI that goes on", "by one of its own"])
async def test_a_call_whose_worker_was_killed_does_not_run_twice(
    bench: Bench, db: Database, tmp_path_factory: pytest.TempPathFactory, calls: int
) -> None:
    slow = Call("Bash", {"command": SLOW})
    turns = [Turn(calls=(slow, asked())[:calls]), say("Done.")]
    async with host(bench, db, turns) as agent:
        first = await agent.run()
        settled = tuple(Settled(call.id, allowed=True) for call in first.waits)
        job = bench.job(
            agent.model, SANDBOX, ask=ASK, project="agent:1",
            session_id=agent.session, settled=settled,
        )  # fmt: skip
        worker = await asyncio.create_subprocess_exec(
            sys.executable, "-c", WORKER,
            cwd=Path(__file__).parents[2],
            env={**os.environ, "TMPDIR": str(tmp_path_factory.mktemp("t"))},  # it holds sockets
            stdin=asyncio.subprocess.PIPE,
        )  # fmt: skip
        assert worker.stdin
        worker.stdin.write(pickle.dumps((db.url, job)))
        worker.stdin.close()
        await until(agent.ran, 60)
        worker.send_signal(signal.SIGKILL)
        await worker.wait()
        await processes.end(bench.marked(), grace=0)
        assert taken_up(await agent.transcript()) == {first.waits[0].id}
        last = await agent.again(*settled)  # given a second time, by mistake

        assert last.output == "Done."
        assert agent.ran() == ["ran", *["0"] * (calls - 1)]
        results = agent.results()
        assert results[SLOW].text == UNKNOWN
        assert len(agent.talk().results) == calls


async def test_a_deferral_that_the_cli_passes_over_is_refused_by_the_second_lock(
    bench: Bench, db: Database
) -> None:
    """The CLI heeds no deferral in a message that did not come as a stream."""
    script = [
        Turn(calls=(asked(1), asked(2), FREE), fault=Fail(404, times=1)),
        Turn(calls=(asked(3),)),
        say("Done."),
    ]
    async with host(bench, db, script) as agent:
        first = await agent.run()
        assert False in [bool(request.body.get("stream")) for request in agent.model.requests]
        results = agent.results()
        for number in (1, 2):
            text = results[asked(number).arguments["command"]].text
            assert text == ALONE
        assert (bench.workspace / "made").exists()
        assert [call.given for call in first.waits] == [asked(3).arguments]
        assert agent.ran() == []


@sqlite_only
async def test_outside_the_workspace_people_let_exactly_one_call_pass(
    bench: Bench, db: Database
) -> None:
    place = bench.root.parent / f"{bench.root.name} beside"
    place.mkdir()
    write = Call("Write", {"file_path": str(place / "one"), "content": "x"})
    other = Call("Write", {"file_path": str(place / "two"), "content": "x"})
    secret = Call("Read", {"file_path": str(bench.hidden / "token")})
    inside = Call("Write", {"file_path": "inside", "content": "x"})
    given = Call("Read", {"file_path": str(bench.readable / "file")})
    turns = [Turn(calls=(write, other, secret, inside, given)), Turn(calls=(write,)), say("Done.")]
    async with host(bench, db, turns, ask=("outside-workspace",)) as agent:
        first = await agent.run()
        assert [call.given for call in first.waits] == [write.arguments, other.arguments]
        assert {call.because for call in first.waits} == {"outside-workspace"}
        assert {(step.subject, step.failed) for step in first.beside} == {
            (str(bench.hidden / "token"), True),
            ("inside", False),
            (str(bench.readable / "file"), False),
        }
        one, two = first.waits
        again = await agent.again(Settled(one.id, allowed=True), Settled(two.id, said=DENIED))
        assert [path.name for path in place.iterdir()] == ["one"]
        results = agent.results()
        assert "hidden-content" not in str(agent.model.requests[-1].body)
        assert results[str(place / "two")].text == DENIED
        assert "shown-content" in results[str(bench.readable / "file")].text
        assert len(again.waits) == 1


@sqlite_only
async def test_what_people_allow_in_the_workspace_is_done_where_the_workspace_is_now(
    bench: Bench, db: Database
) -> None:
    path = bench.workspace / "docs" / "a.md"
    write = Call("Write", {"file_path": str(path), "content": "x"})
    free = Call("Write", {"file_path": "b.md", "content": "x"})
    read_ = Call("Read", {"file_path": "b.md"})
    turns = [Turn(calls=(write, free)), Turn(calls=(read_,)), say("Done.")]
    async with host(bench, db, turns, ask=("Write(docs/**)", "Read(docs/**)")) as agent:
        first = await agent.run()
        assert [step.subject for step in first.beside] == ["b.md"]
        (call,) = first.waits
        last = await agent.again(Settled(call.id, allowed=True))
        assert last.output == "Done."
        assert not path.exists()
        assert (bench.workspace / "docs" / "a.md").read_text() == "x"
        assert not any(result.failed for result in agent.talk().results)


FETCH = {"url": "https://nowhere.invalid/a", "prompt": "x"}


@sqlite_only
async def test_people_may_allow_a_domain_that_is_otherwise_out_of_reach(
    bench: Bench, db: Database
) -> None:
    one, two = Call("WebFetch", FETCH), Call("WebFetch", {**FETCH, "url": "https://other.invalid/"})
    beyond = Call("WebFetch", {**FETCH, "url": "https://docs.python.org/3/"})
    walls = Confinement(SANDBOX)
    turns = [Turn(calls=(one, two)), Turn(calls=(one, beyond)), say("Done.")]
    rules = ("WebFetch(domain:nowhere.invalid)", "WebFetch(domain:other.invalid)")
    async with host(bench, db, turns, ask=rules, confinement=walls) as agent:
        first = await agent.run()
        assert [call.because for call in first.waits] == [*rules]
        always = (rule_for("WebFetch", FETCH, bench.workspace),)
        settled = [Settled(call.id, allowed=True) for call in first.waits]
        last = await agent.again(*settled, allowed=always)
        assert (last.output, last.waits) == ("Done.", ())
        texts = [result.text for result in agent.talk().results]
        assert len(texts) == 4
        assert sorted("ENOTFOUND" in text for text in texts) == [False, True, True, True]
        assert any("not among those that may be reached" in text for text in texts)


RESUMES = int(os.environ.get("DENIED_RESUMES", "4"))
BUSY = "import time\nend = time.monotonic() + 1200\nwhile time.monotonic() < end: pass"


@asynccontextmanager
async def load(processes_: int = 3) -> AsyncIterator[None]:
    """Something else works on this machine, hard."""
    async with AsyncExitStack() as stack:
        for _ in range(processes_):
            busy = await asyncio.create_subprocess_exec(sys.executable, "-c", BUSY)
            stack.push_async_callback(busy.wait)
            stack.callback(busy.kill)
        yield


@sqlite_only
@pytest.mark.timeout(60 + 30 * RESUMES)
@pytest.mark.parametrize("reads_only", [False, True], ids=["acceptEdits", "default"])
async def test_a_denied_resume_never_runs_under_load(
    bench: Bench,
    db: Database,
    reads_only: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    """`DENIED_RESUMES=50` for the long form; each resume is denied and waits for the next."""
    call = Call("Read", {"file_path": str(bench.outside / "file")}) if reads_only else asked()
    turns = [Turn(calls=(call,))] * (RESUMES + 1)
    rules = (*ASK, "outside-workspace")
    walls = Confinement(SANDBOX)
    async with (
        host(bench, db, turns, ask=rules, confinement=walls, reads_only=reads_only) as agent,
        load(),
    ):
        result = await agent.run()
        for number in range(1, RESUMES + 1):
            (waits,) = result.waits
            result = await agent.again(Settled(waits.id, said=f"{DENIED} {number}"))
            assert agent.ran() == []
            told = agent.talk().results
            assert [entry.text for entry in told] == [f"{DENIED} {n + 1}" for n in range(number)]
        assert "outside-content" not in str(agent.model.requests[-1].body)


@sqlite_only
async def test_what_is_said_before_a_call_waits_begins_no_turn(bench: Bench, db: Database) -> None:
    slow = Call("Bash", {"command": "python3 -c 'import time; time.sleep(4)'"})
    beyond = bench.root.parent / f"{bench.root.name} beside"
    write = Call("Write", {"file_path": str(beyond), "content": "x"})
    turns = [Turn(calls=(slow, write)), say("Done.")]
    async with host(bench, db, turns, ask=("outside-workspace",)) as agent:
        diary = Diary()
        running = asyncio.create_task(agent.run(diary))
        await until(lambda: diary.steps)
        diary.said = ["use sqlite"]
        first = await running
        (call,) = first.waits
        assert [step.subject for step in first.beside] == [slow.arguments["command"]]
        assert len(agent.talks()) == 1
        assert len(diary.said) + first.unheard == 1
        assert (await agent.again(Settled(call.id, allowed=True))).output == "Done."
        assert beyond.read_text() == "x"
        assert len(agent.talk().results) == 2


@sqlite_only
async def test_a_session_that_was_done_already_says_so_and_one_that_is_gone_begins_anew(
    bench: Bench, db: Database
) -> None:
    async with host(bench, db, [Turn(calls=(asked(),)), say("Done.")]) as agent:
        (call,) = (await agent.run()).waits
        assert (await agent.again(Settled(call.id, allowed=True))).output == "Done."
        last = await agent.again(context="Hurry.")
        assert (last.success, last.output) == (True, "This scene is over.")
        assert "Hurry." in agent.talk().told
        session, agent.session = agent.session, str(uuid4())
        anew = await agent.again(Settled(call.id, allowed=True), context="Hurry.")
        assert anew.waits
        assert anew.session_id not in (session, "")
        assert "Hurry." in agent.talk().context
        assert agent.ran() == ["0"]
