"""Several workers on one PostgreSQL, each a process with a home of its own."""

import asyncio
import json
import shutil
import signal
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import psutil
import pytest
from sqlalchemy import text

from bot.local import Message
from engine.demo_model import Turn, call, say
from engine.demo_model.conversation import read
from engine.executor import Sandbox
from engine.processes import MARKER
from engine.states import Status
from tests import repositories
from tests.processes.conftest import (
    LONG,
    REST,
    SECONDS,
    Installation,
    Running,
    everybody,
    marked,
    scene,
    shown,
    until,
)

pytestmark = pytest.mark.parametrize("database_kind", ["postgresql"], indirect=True)
LEASE = 4.0  # seconds
APART = ("bwrap", "--dev-bind", "/", "/", "--unshare-pid", "--proc", "/proc", "--die-with-parent")


@dataclass
class Fleet:
    """A bot, and workers that share nothing with each other but the database."""

    mab: Installation
    workers: dict[str, Running] = field(default_factory=dict)

    def home(self, name: str) -> Path:
        return self.mab.root / f"home-{name}"

    async def speaks(self) -> Running:
        """Start the bot."""
        before = self.mab.slack.greeted
        bot = await (await self.mab.starts("bot")).ready()
        await self.mab.slack.settled(lambda: self.mab.slack.greeted >= before + 2, timeout=SECONDS)
        return bot

    async def works(self, name: str, **environ: str) -> Running:
        """Start a worker on this host."""
        worker = await self.mab.starts("worker", MAB_HOME=str(self.home(name)), **environ)
        self.workers[name] = await worker.ready()
        return worker

    async def works_elsewhere(self, name: str, without: str) -> Running:
        """Start a worker as on another host: processes and home of that one are out of reach."""
        hidden = ("--tmpfs", str(self.home(without)))
        command = (*APART, *hidden, sys.executable, "-m", "bot.start", "worker")
        log = self.mab.root / f"{len(self.mab.programs)}-elsewhere.log"
        with log.open("wb") as out:
            process = await asyncio.create_subprocess_exec(
                *command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                cwd=self.mab.root,
                env={**self.mab.environ, "MAB_HOME": str(self.home(name))},
            )
        self.workers[name] = Running(process, log)
        self.mab.programs.append(self.workers[name])
        return await self.workers[name].ready()

    def worktrees(self, name: str) -> list[str]:
        """The worktrees in a worker's home."""
        return sorted(path.name for path in self.home(name).glob(".worktrees/agent-*"))

    async def at_work(self, name: str) -> str:
        """Wait until an agent of this worker sits in its shell; the marker of its processes."""
        return str(await until(partial(self._marker, name)))

    def _marker(self, name: str) -> str:
        for process in everybody():
            try:
                sleeps = process.cmdline()[-1:] == ["import time; time.sleep(60)"]
                if sleeps and process.cwd().startswith(str(self.home(name))):
                    return str(process.environ()[MARKER])
            except psutil.Error:  # it has just ended
                continue
        return ""


@pytest.fixture
def fleet(mab: Installation) -> Fleet:
    return Fleet(mab)


def configured(
    mab: Installation, name: str, *repos: str, slots: int = 2, poll: float = 0.2
) -> dict[str, str]:
    """A configuration of a worker's own; the variable that names it."""
    file = mab.root / f"{name}.toml"
    served = (f"[repos.{repo}]\npath = {json.dumps(str(mab.root / repo))}\n" for repo in repos)
    file.write_text(
        "".join(served) + f"[limits]\nslots = {slots}\nper_user = 20\n"
        f"[agent]\nsandbox = '{Sandbox.OFF}'\n[poll]\nseconds = {poll}\nlease_seconds = 60\n"
    )
    return {"MAB_CONFIG": str(file)}


async def test_two_share_the_work_and_each_takes_only_what_it_serves(fleet: Fleet) -> None:
    mab = fleet.mab
    other = repositories.create(mab.root / "other")
    mab.configure(more=f"[repos.other]\npath = {json.dumps(str(other))}\n")
    mab.config.write_text(mab.config.read_text().replace("slots = 4", "slots = 4\nper_user = 20"))
    once = [call("Bash", command="echo once >> times.txt; sleep 0.5"), say("Done.")]
    await mab.plays(share=[once] * 9)
    bot = await fleet.speaks()
    for name in ("one", "two"):
        await fleet.works(name, **configured(mab, name, "shop"))
    asked = ["--repo other share", *(f"--repo shop share part {part}" for part in range(8))]
    for task in asked:
        await mab.commands(f"/agent spawn {task}")
    await until(partial(completed, mab, 8), seconds=90)
    [left] = await mab.ledger.unfinished()
    assert (left.repo, left.status) == ("other", Status.PENDING), "nobody serves it yet"
    await fleet.works("three", **configured(mab, "three", "other"))
    await until(partial(completed, mab, 9))
    runs = {number: await mab.ledger.runs(number) for number in range(1, 10)}
    assert [len(each) for each in runs.values()] == [1] * 9
    ran = [each[0].worker for number, each in runs.items() if number != left.id]
    assert len(set(ran)) == 2, "both got some of it"
    assert runs[left.id][0].worker not in ran
    for number in range(1, 10):
        view = await mab.ledger.agent(number)
        where = other if number == left.id else mab.shop
        assert repositories.git(where, "show", f"{view.branch}:times.txt") == "once"
    assert len(mab.questions()) == 18
    assert "error" not in [event.lower() for event in bot.events()]


async def test_a_worker_hears_of_an_agent_before_it_looks_by_itself(fleet: Fleet) -> None:
    mab = fleet.mab
    mab.configure(sandbox=Sandbox.OFF)
    await mab.plays(first=[REST], second=[REST])
    await fleet.speaks()
    await fleet.works("one", **configured(mab, "one", "shop", poll=3600))
    for count, task in enumerate(["first", "second"], 1):
        card = await mab.spawns(task)
        await until(partial(completed, mab, count))
        assert await mab.story(card) == ["done"]


async def completed(mab: Installation, count: int) -> bool:
    """Whether so many agents are done."""
    async with mab.db.reading() as session:
        done = text("SELECT count(*) FROM nodes WHERE status = 'completed'")
        return bool(await session.scalar(done) == count)


async def test_another_one_of_the_host_goes_on_with_what_a_killed_one_left(fleet: Fleet) -> None:
    """Its uncommitted work lies in the home of the dead; so does the first agent's session."""
    mab = fleet.mab
    mab.configure(sandbox=Sandbox.OFF)
    follow = [call("Read", file_path="rest.txt"), say("It says rest.txt.")]
    await mab.plays(long=[LONG, [*REST]], follow=[follow])
    await asyncio.gather(fleet.speaks(), fleet.works("one"))
    card = await mab.spawns("long")
    marker = await fleet.at_work("one")
    await fleet.works("two")
    await fleet.workers["one"].dies()
    await mab.told(card, "taken over")
    assert marked(marker) == []
    assert fleet.worktrees("one") == []
    assert await mab.story(card) == ["taken over", "done"]
    assert await mab.runs() == [(1, "lost"), (2, "completed")]
    assert {"half.txt", "rest.txt"} <= set(await mab.on_branch())
    [kept] = [m for m in mab.slack.thread("general", card.ts) if "lost its worker" in m.text]
    assert "What it had done is kept as" in shown(kept)
    assert len(fleet.worktrees("two")) == 1
    await fleet.workers["two"].dies()
    shutil.rmtree(fleet.home("two"))  # its disk is gone with it
    repositories.git(mab.shop, "worktree", "prune")
    await fleet.works("three")
    await mab.slack.says("you", "general", f"<@{mab.slack.bot_user}> follow it up", card.ts)
    await until(partial(completed, mab, 2), seconds=120)  # Slack tries a third time after 60
    asked = read(mab.questions()[-1].body)
    assert (asked.task, asked.earlier) == ("follow it up", ("long",)), "the session went along"
    assert len(fleet.worktrees("three")) == 1


async def test_what_waits_for_people_goes_on_with_another_worker(fleet: Fleet) -> None:
    mab = fleet.mab
    mab.configure(ask=["Bash(touch:*)"], sandbox=Sandbox.OFF)
    question = {"question": "Which?", "header": "Which", "multiSelect": False}
    options = [{"label": "Red", "description": "x"}, {"label": "Blue", "description": "y"}]
    turns: Sequence[Turn] = [
        call("Bash", command="touch made.txt && echo once >> times.txt"),
        call("AskUserQuestion", questions=[{**question, "options": options}]),
        say("Over."),
    ]
    await mab.plays(careful=[turns])
    await asyncio.gather(fleet.speaks(), fleet.works("one"))
    card = await mab.spawns("careful")
    for number, (name, label) in enumerate([("two", "Allow once"), ("three", "Blue")], start=1):
        asked = await mab.slack.settled(partial(asks, mab, card, label), timeout=SECONDS)
        assert asked is not None
        await until(partial(mab.came_to, [(n, "asked") for n in range(1, number + 1)]))
        for running in fleet.workers.values():
            if running.process.returncode is None:
                await running.dies()
        await fleet.works(name)
        await mab.presses("reviewer", asked, label)
    assert (await mab.story(card))[-1] == "done"
    assert await mab.runs() == [(1, "asked"), (2, "asked"), (3, "completed")]
    view = await mab.ledger.agent(1)
    assert repositories.git(mab.shop, "show", f"{view.branch}:times.txt") == "once"
    assert "Blue" in mab.answers()[-1].text
    assert len({request.session for request in mab.questions()}) == 1, "one session, three homes"


def asks(mab: Installation, card: Message, label: str) -> Message | None:
    """What the thread asks with a button of this label."""
    thread = mab.slack.thread("general", card.ts)[1:]
    return next((m for m in thread if label in mab.slack.buttons(m)), None)


@pytest.mark.skipif(not shutil.which("bwrap"), reason="there is no other way to be another host")
async def test_from_another_host_it_goes_on_from_what_it_can_reach(fleet: Fleet) -> None:
    mab = fleet.mab
    mab.configure(lease=LEASE, sandbox=Sandbox.OFF)
    answer = asyncio.Event()
    await mab.plays(long=[scene("half.txt", Turn("A late word.", after=answer)), REST])
    await asyncio.gather(fleet.speaks(), fleet.works("one"))
    card = await mab.spawns("long")
    await mab.asked(2)
    late = fleet.workers["one"]
    late.signal(signal.SIGSTOP)
    await fleet.works_elsewhere("two", without="one")
    await until(partial(mab.came_to, [(1, "lost"), (2, "completed")]))
    assert await mab.story(card) == ["taken over", "done"]
    [left] = fleet.worktrees("one")
    thread = str(mab.slack.thread("general", card.ts))
    assert f"in the worktree `{left}`, and is not in what the agent goes on from" in thread
    files = set(await mab.on_branch())
    assert "rest.txt" in files
    assert "half.txt" not in files, "it lies where the other one cannot look"
    before = (await mab.ledger.agent(1)).work.commit
    late.signal(signal.SIGCONT)
    answer.set()
    await until(lambda: any(event.startswith("lease lost") for event in late.events()))
    assert await mab.runs() == [(1, "lost"), (2, "completed")]
    view = await mab.ledger.agent(1)
    assert (view.result, view.work.commit) == ("All done.", before)
    assert fleet.worktrees("one") == [left]
    kept = fleet.home("one") / ".worktrees" / left / "half.txt"
    assert kept.read_text() == "half.txt", "nothing of it is lost"


async def test_a_worker_of_another_version_is_refused(fleet: Fleet) -> None:
    mab = fleet.mab
    mab.configure()
    for version in ("0001", "9999"):
        async with mab.db.writing() as session:
            known = text("UPDATE alembic_version SET version_num = :version")
            await session.execute(known, {"version": version})
        refused = await mab.starts("worker", MAB_HOME=str(fleet.home("old")))
        assert await refused.ended() == 1
        assert refused.said().startswith("mab: The database"), refused.said()
        assert "Traceback" not in refused.said()
    async with mab.db.reading() as session:
        assert await session.scalar(text("SELECT count(*) FROM workers")) == 0
