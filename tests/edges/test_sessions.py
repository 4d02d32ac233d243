"""Sessions in our database: the SDK's contract, and going on with one wherever it was left."""

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any, cast
from uuid import uuid4

import pytest
from claude_agent_sdk import SessionKey, SessionStoreEntry
from claude_agent_sdk.testing import run_session_store_conformance
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from engine.claude import ClaudeExecutor
from engine.claude_shelf import Shelf
from engine.commands import Incoming, record
from engine.demo_model import Call, DemoModel, Scene, Script, Turn, call, say
from engine.demo_model.conversation import Conversation, read
from engine.demo_model.turns import Fail
from engine.errors import LostLease
from engine.executor import AgentResult
from engine.leases import Leases
from engine.requests import Wish
from engine.runs import Ending, Runs
from engine.sessions import Sessions
from engine.settings import Repo, Settings
from engine.spec import AgentSpec, Origin, Person
from engine.states import Cause
from engine.store import Database
from engine.transcripts import TranscriptsAway
from engine.verdicts import Halt
from engine.workflows import Workflows
from tests.edges.conftest import Bench, Diary, until

sqlite_only = pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
KEY: SessionKey = {"project_key": "agent:1", "session_id": "s"}


def entry(**facts: Any) -> SessionStoreEntry:
    return cast(SessionStoreEntry, {"type": "user", **facts})


async def test_the_store_keeps_the_sdks_contract(db: Database) -> None:
    async def fresh() -> Sessions:
        async with db.writing() as session:
            await session.execute(text("DELETE FROM session_entries"))
        return Sessions(db)

    await run_session_store_conformance(fresh)


async def test_what_is_appended_twice_is_there_once_and_in_order(db: Database) -> None:
    sessions = Sessions(db)
    many = [entry(uuid=f"u{number}", n=number) for number in range(1_200)]
    await sessions.append(KEY, many[:700])
    await sessions.append(KEY, many)
    await sessions.append(KEY, [entry(n="mark"), entry(n="mark")])
    assert await sessions.load(KEY) == [*many, entry(n="mark"), entry(n="mark")]
    assert await sessions.load({**KEY, "project_key": "agent:2"}) is None
    assert await sessions.holds("agent:1", "s")
    assert not await sessions.holds("agent:2", "s")
    assert not await sessions.holds("agent:1", "t")


async def test_every_text_that_a_tool_may_print_comes_back(db: Database) -> None:
    odd = entry(uuid="u", text="\0 \ud800 \U0001f600 é", big=2**70, number=0.1, none=None)
    await Sessions(db).append(KEY, [odd])
    assert await Sessions(db).load(KEY) == [odd]


async def test_a_session_is_read_by_the_index(db: Database) -> None:
    sessions = Sessions(db)
    for project in range(40):
        key: SessionKey = {"project_key": f"agent:{project}", "session_id": "s"}
        await sessions.append(key, [entry(uuid=f"u{n}", text="x" * 50) for n in range(100)])
    where = "FROM session_entries WHERE project_key = 'agent:7'"
    queries = [
        f"SELECT entry {where} AND session_id = 's' AND subpath = '' ORDER BY id",
        f"SELECT session_id, max(at) {where} AND subpath = '' GROUP BY session_id",
    ]
    explain = "EXPLAIN QUERY PLAN " if db.is_sqlite else "EXPLAIN "
    async with db.writing() as session:
        await session.execute(text("ANALYZE"))
        for query in queries:
            plan = str((await session.execute(text(explain + query))).all())
            assert "ix_session_entries_session" in plan
            assert "SCAN" not in plan if db.is_sqlite else "Seq Scan" not in plan


@asynccontextmanager
async def locked(db: Database) -> AsyncIterator[None]:
    """Nobody else can write meanwhile."""
    async with db.writing() as session:
        if not db.is_sqlite:
            await session.execute(text("LOCK TABLE session_entries"))
        yield


async def test_what_cannot_be_written_now_is_written_in_its_place_later(db: Database) -> None:
    shelf = Shelf(Sessions(db), "agent:1", seconds=2)
    cli: SessionKey = {"project_key": "-tmp-somewhere", "session_id": "s"}
    lines = [entry(uuid=f"u{number}") for number in range(6)]
    await shelf.append(cli, lines[:2])
    async with locked(db):
        await shelf.append(cli, lines[2:4])
    assert await shelf.load(cli) == lines[:2]
    await shelf.append(cli, lines[3:])
    assert await shelf.load({**cli, "project_key": "-another"}) == lines
    assert await Sessions(db).load({**cli, "project_key": "agent:1"}) == lines
    async with locked(db):
        await shelf.append({**cli, "subpath": "sub"}, lines[:1])
    await shelf.finish()
    assert await shelf.list_subkeys({"project_key": "x", "session_id": "s"}) == ["sub"]


async def test_what_a_lost_run_still_says_is_refused_and_forgotten(
    db: Database, tmp_path: Path
) -> None:
    settings = Settings(repos={"shop": Repo(path=tmp_path)})
    flows, sessions = Workflows(db, settings), Sessions(db)
    old, new = (Leases(db, worker, "host", 60.0) for worker in ("old", "new"))
    await record(db, Incoming("command:1", "command", {}, "U1"))
    wish = Wish(Origin("T/C", "1"), Person("U1", "Alice"), "command:1")
    await flows.start(AgentSpec("think", repo="shop"), wish)
    (claim,) = await old.claim(1, ["shop"])
    late = Shelf(sessions, "agent:1", claim.key)
    await late.append(KEY, [entry(uuid="in time")])

    await old.bury("old")  # its lease is over
    await late.append(KEY, [entry(uuid="nobody has taken over")])
    (lost,) = await new.take_over(1, [])
    await Runs(flows, new).close(lost, Ending(Halt.LOST, AgentResult(success=False)))
    with pytest.raises(LostLease):
        await late.add("s", [entry(uuid="a mark")])
    await late.append(KEY, [entry(uuid="late")])
    (again,) = await new.claim(1, ["shop"])
    await Shelf(sessions, "agent:1", again.key).append(KEY, [entry(uuid="of the next")])
    await late.finish()
    kept = ["in time", "nobody has taken over", "of the next"]
    assert await sessions.load(KEY) == [entry(uuid=uuid) for uuid in kept]


WRITES = call("Write", file_path="hello.txt", content="Hello")
FIRST = Scene("first", [WRITES, say("Written.")])
SECOND = Scene("second", [call("Glob", pattern="*"), say("Gone on with.")])


def keeping(db: Database) -> ClaudeExecutor:
    return ClaudeExecutor(sessions=Sessions(db))


def talks(model: DemoModel) -> list[Conversation]:
    return [read(request.body) for request in model.requests if not request.side]


def moved(bench: Bench) -> Path:
    """The bench after its agents' host is gone: no configuration, the workspace elsewhere."""
    shutil.rmtree(bench.home / ".claude")
    return bench.workspace.rename(bench.root / "another place")


async def test_a_session_is_gone_on_with_on_another_host(
    bench: Bench,
    db: Database,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    place, elsewhere = tmp_path_factory.mktemp("tmp"), Database.connect(db.url)
    monkeypatch.setattr(tempfile, "tempdir", str(place))  # others resume sessions meanwhile
    async with DemoModel(Script((FIRST, SECOND))) as model:
        job = bench.job(model, task="the first", project="agent:1")
        first = await keeping(db).run(job, Diary())
        assert await Sessions(db).latest("agent:1") == first.session_id
        diary = Diary()
        again = bench.job(
            model,
            task="the second",
            project="agent:1",
            session_id=first.session_id,
            workspace=moved(bench),
        )
        second = await keeping(elsewhere).run(again, diary)
    await elsewhere.close()

    assert (first.output, second.output) == ("Written.", "Gone on with.")
    assert second.session_id == first.session_id
    newest = talks(model)[-1]
    assert (newest.task, newest.earlier) == ("the second", ("the first",))
    assert "hello.txt" in newest.results[-1].text
    assert "Written." in str(model.requests[-1].body["messages"])
    assert [(step.tool, step.subject) for step in diary.steps] == [
        ("Glob", "*"), ("", "Gone on with."),
    ]  # fmt: skip
    assert list(place.iterdir()) == []
    assert bench.alive() == []


@sqlite_only
async def test_what_nobody_answered_is_before_the_newest_task(bench: Bench, db: Database) -> None:
    refused = Scene("the first", [Turn(fault=Fail(401))])
    async with DemoModel(Script((SECOND, refused))) as model:
        first = await keeping(db).run(
            bench.job(model, task="the first", project="agent:1"), Diary()
        )
        assert first.cause is Cause.BAD_KEY
        job = bench.job(model, task="the second", project="agent:1", session_id=first.session_id)
        second = await keeping(db).run(job, Diary())
    assert second.output == "Gone on with."
    assert talks(model)[-1].task == "the second"


@sqlite_only
async def test_what_is_not_kept_begins_anew_and_can_be_told_by_its_name(
    bench: Bench, db: Database
) -> None:
    lost = str(uuid4())
    await Sessions(db).append({"project_key": "agent:2", "session_id": lost}, [entry(uuid="u")])
    async with DemoModel(Script((SECOND,))) as model:
        for executor in (keeping(db), ClaudeExecutor()):
            job = bench.job(model, task="the second", project="agent:1", session_id=lost)
            anew = await executor.run(job, Diary())
            assert anew.success
            assert anew.session_id not in ("", lost)
            assert talks(model)[-1].earlier == ()


async def test_sessions_that_cannot_be_reached_are_a_failure_that_passes(bench: Bench) -> None:
    away = Database.connect("postgresql+psycopg://nobody@127.0.0.1:1/nothing")
    async with DemoModel() as model:
        job = bench.job(model, project="agent:1", session_id=str(uuid4()))
        result = await keeping(away).run(job, Diary())
    await away.close()
    assert result.cause is Cause.CONNECTION
    assert not talks(model)


@sqlite_only
async def test_a_run_that_was_killed_is_gone_on_with_where_it_was(
    bench: Bench, db: Database
) -> None:
    hanging = Scene("first", [WRITES, Turn(after=asyncio.Event())])
    async with DemoModel(Script((hanging, SECOND))) as model:
        job = bench.job(model, task="the first", project="agent:1")
        running = asyncio.create_task(keeping(db).run(job, Diary()))
        await until(lambda: len(talks(model)) == 2)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        session = await Sessions(db).latest("agent:1")
        job = bench.job(model, task="second", project="agent:1", session_id=session)
        result = await keeping(db).run(job, Diary())

    assert (result.output, result.session_id) == ("Gone on with.", session)
    assert talks(model)[-1].earlier == ("the first",)
    assert "hello.txt" in str(model.requests[-1].body["messages"])


@sqlite_only
async def test_each_run_of_a_session_costs_what_the_model_charged_for_it(
    bench: Bench, db: Database
) -> None:
    turns = [
        Turn("", (Call("Glob", {"pattern": "*"}),), tokens_in=10_000, tokens_out=100),
        say("Done.", tokens_in=20_000, tokens_out=200),
    ]
    async with DemoModel(Script((Scene("", turns),))) as model:
        session, results = "", []
        for number in range(4):
            job = bench.job(model, task=f"{number}", project="agent:1", session_id=session)
            diary = Diary()
            results.append(result := await keeping(db).run(job, diary))
            assert diary.usage == result.usage
            session = result.session_id
            if number:  # as a CLI notes it that ends by itself
                noted = cost_state(session, number + 1, result.usage.cost)
                await Sessions(db).append(
                    {"project_key": "agent:1", "session_id": session}, [noted]
                )

    assert len({result.session_id for result in results}) == 1
    used = [result.usage for result in results]
    assert len(set(used)) == 1
    assert used[0].cost > 0
    assert sum(usage.tokens_in for usage in used) == model.tokens_in[session] == 120_000
    assert sum(usage.tokens_out for usage in used) == model.tokens_out[session] == 1_200
    assert sum(usage.cost for usage in used) == 4 * used[0].cost


def cost_state(session: str, runs: int, cost: Decimal) -> SessionStoreEntry:
    """What the CLI notes about a session that has had so many of the runs above."""
    names = ("totalAPIDuration", "totalAPIDurationWithoutRetries", "totalToolDuration")
    spans = dict.fromkeys((*names, "totalLinesAdded", "totalLinesRemoved", "totalDuration"), 1)
    whole = float(cost) * runs
    used = {
        "inputTokens": 30_000 * runs, "outputTokens": 300 * runs, "costUSD": whole,
        "cacheReadInputTokens": 0, "cacheCreationInputTokens": 0, "webSearchRequests": 0,
    }  # fmt: skip
    return cast(SessionStoreEntry, {
        "type": "cost-state", "sessionId": session, "totalCostUSD": whole, **spans,
        "startTime": 1_795_361_579_303, "modelUsage": {"model": used},
    })  # fmt: skip


@sqlite_only
async def test_what_cannot_be_written_is_not_in_the_words_about_it(db: Database) -> None:
    async with db.writing() as session:
        await session.execute(text("DROP TABLE session_entries"))
    with pytest.raises(TranscriptsAway) as caught:
        await Sessions(db).append(KEY, [entry(said="what Ada told nobody")])
    assert str(caught.value) == "no such table: session_entries"
    with pytest.raises(OperationalError) as raw:
        async with db.reading() as session:
            await session.execute(text("SELECT :said FROM nowhere"), {"said": "what Ada told"})
    assert "Ada" not in str(raw.value)
