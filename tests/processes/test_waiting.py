"""Agents that wait for people: no process, every program restarted, every directory lost."""

import os
import random
import shutil
import signal
import time
from collections.abc import Sequence
from uuid import uuid4

import psutil
import pytest
from sqlalchemy import text, update

from bot.local import Message
from engine import settling
from engine.commands import Incoming, record
from engine.decisions import Decisions
from engine.demo_model import Turn, call, say
from engine.executor import AgentResult, Call
from engine.leases import Leases
from engine.models import Clock
from engine.requests import Wish
from engine.runs import Ending, Runs
from engine.settings import Limits, Repo, Settings
from engine.spec import AgentSpec, Origin, Person
from engine.states import Decision, Status
from engine.votes import Click
from engine.workflows import Workflows
from tests import repositories
from tests.processes.conftest import SECONDS, Installation, shown, until

RULE = "Bash(touch:*)"
COMMAND = "touch made.txt && echo once >> times.txt"
ASKS: Sequence[Turn] = [
    call("Write", file_path="before.txt", content="before"),
    call("Bash", command=COMMAND),
    say("It is over."),
]
WEEK = 7 * 24 * 3600.0
MANY = int(os.environ.get("WAITING_AGENTS", "100"))  # 1000 for the long run
PICKED = int(os.environ.get("WAITING_RESUMED", "3"))  # 20 for the long run


async def waits(mab: Installation) -> tuple[Message, Message]:
    """An agent that was deferred; its card and what its thread asks. Nothing runs any more."""
    mab.configure(ask=[RULE])
    await mab.plays(careful=[ASKS])
    serving = await mab.serves()
    card = await mab.spawns("careful")
    asked = await mab.slack.settled(lambda: _question(mab, card), timeout=SECONDS)
    assert asked is not None
    assert COMMAND.replace("&&", "&amp;&amp;") in shown(asked) or COMMAND in shown(asked)
    assert await mab.runs() == [(1, "asked")]
    await until(lambda: not list(mab.agents()))
    serving.signal(signal.SIGTERM)
    assert await serving.ended() == 0
    _lose_directories(mab)
    return card, asked


def _question(mab: Installation, card: Message) -> Message | None:
    thread = mab.slack.thread("general", card.ts)[1:]
    return next((m for m in thread if "Allow once" in shown(m)), None)


def _lose_directories(mab: Installation) -> None:
    """The configuration of the CLI and every worktree, as on another host."""
    shutil.rmtree(mab.root / "home")
    repositories.git(mab.shop, "worktree", "prune")


async def times(mab: Installation) -> str:
    """How often the command ran, by what it wrote."""
    branch = (await mab.ledger.agent(1)).branch
    if "times.txt" not in await mab.on_branch():
        return ""
    return repositories.git(mab.shop, "show", f"{branch}:times.txt")


async def test_a_permitted_call_runs_once_on_another_host_days_later(mab: Installation) -> None:
    card, asked = await waits(mab)
    await mab.serves()
    await mab.presses("reviewer", asked, "Allow once")
    assert (await mab.story(card))[-1] == "done"
    assert await times(mab) == "once"
    assert {"before.txt", "made.txt"} <= set(await mab.on_branch())
    assert await mab.runs() == [(1, "asked"), (2, "completed")]
    assert len(mab.questions()) == 3
    again = await mab.slack.presses("reviewer", asked, "Allow once")
    assert again.ok
    assert await mab.runs() == [(1, "asked"), (2, "completed")]


async def test_a_denied_call_never_runs_and_the_agent_is_told_who_denied_it(
    mab: Installation,
) -> None:
    card, asked = await waits(mab)
    await mab.serves()
    await mab.presses("reviewer", asked, "Deny")
    assert (await mab.story(card))[-1] == "done"
    assert await times(mab) == ""
    result = mab.answers()[-1]
    assert result.failed
    assert "does not allow this" in result.text


async def test_what_nobody_decides_is_denied_and_the_agent_is_told(mab: Installation) -> None:
    card, _ = await waits(mab)
    async with mab.db.writing() as session:
        await session.execute(update(Clock).values(seconds=Clock.seconds + WEEK + 1))
    await mab.serves()
    assert (await mab.story(card))[-1] == "done"
    assert await times(mab) == ""
    assert "Nobody decided in time" in mab.answers()[-1].text


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
async def test_many_wait_without_a_process_and_any_of_them_goes_on_at_once(
    mab: Installation,
) -> None:
    """Their sessions are copies of a real one; the long run: see README, "Measuring"."""
    await waits(mab)
    await _copied(mab, MANY - 1)
    worker = await (await mab.starts("worker")).ready()
    process = psutil.Process(worker.pid)
    await until(lambda: (process.children(recursive=True), list(mab.agents())) == ([], []))
    memory = process.memory_info().rss / 2**20
    print(f"{MANY} agents wait: worker {memory:.0f} MiB, no process beside it")  # noqa: T201
    seconds = [await _goes_on(mab, agent) for agent in random.sample(range(1, MANY + 1), PICKED)]
    print(f"{PICKED} went on after {min(seconds):.1f} to {max(seconds):.1f} s")  # noqa: T201
    assert max(seconds) < 30
    await until(lambda: not list(mab.agents()))
    assert len(await mab.ledger.unfinished()) == MANY - PICKED


async def _copied(mab: Installation, count: int) -> None:
    """So many more agents that wait as the first one does."""
    settings = Settings(repos={"shop": Repo(path=mab.shop)}, limits=Limits(per_user=count + 1))
    flows = Workflows(mab.db, settings)
    session_id = await _session(mab)
    writer = Runs(flows, leases := Leases(mab.db, "test", "host", 60.0))
    wanted = Call("x", "Bash", {"command": COMMAND}, RULE)
    result = AgentResult(success=False, session_id=session_id, waits=(wanted,))
    for _ in range(count):
        await flows.start(AgentSpec("careful", repo="shop"), await _wish(mab))
        (claim,) = await leases.claim(1, ["shop"])
        await writer.close(claim, Ending(None, result, asks=settling.matter(result, mab.root)))
    copying = text(
        "INSERT INTO session_entries (project_key, session_id, subpath, uuid, entry, at) "
        "SELECT 'agent:' || nodes.id, session_id, subpath, uuid, entry, at FROM session_entries, "
        "nodes WHERE project_key = 'agent:1' AND nodes.id > 1 ORDER BY nodes.id, session_entries.id"
    )
    async with mab.db.writing() as session:
        await session.execute(copying)
        calls = text("UPDATE inquiries SET content = (SELECT content FROM inquiries WHERE id = 1)")
        await session.execute(calls)


async def _session(mab: Installation) -> str:
    async with mab.db.reading() as session:
        found = await session.scalar(text("SELECT session_id FROM runs WHERE node_id = 1"))
        return str(found)


async def _wish(mab: Installation) -> Wish:
    key = f"command:{uuid4().hex}"
    await record(mab.db, Incoming(key, "command", {}, "U2"))
    return Wish(Origin("T/C", key), Person("U2", "Reviewer"), key, again=True)


async def _goes_on(mab: Installation, agent: int) -> float:
    """Allow what an agent waits for; the seconds until it has done it and has ended."""
    view = await mab.ledger.agent(agent)
    (inquiry,) = await mab.ledger.asked_in(view.origin)
    click = Click(inquiry.id, inquiry.revision, Decision.APPROVE)
    began = time.monotonic()
    await Decisions(Workflows(mab.db, Settings())).decide(click, await _wish(mab))
    await until(lambda: _completed(mab, agent))
    branch = (await mab.ledger.agent(agent)).branch
    assert repositories.git(mab.shop, "show", f"{branch}:times.txt") == "once"
    return time.monotonic() - began


async def _completed(mab: Installation, agent: int) -> bool:
    return (await mab.ledger.agent(agent)).status is Status.COMPLETED
