"""SQLite's file is locked by another program; there is no room for it, or for worktrees."""

import asyncio
import os
import resource
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

import psutil
import pytest
from sqlalchemy import func, select

from bot.local import Message
from engine.demo_model import Turn, call, say
from engine.models import Command, Node
from tests.chaos.trouble_disk import small_disk
from tests.processes.conftest import REST, SECONDS, Installation, Running, scene, shown, until
from tests.processes.test_database_faults import UNTIL_GO, lets_go, states
from tests.repositories import commit, git

LEASE = 12.0  # seconds: at 5/6 of it agents stand still, and there is time to see it
BIG = 300_000  # bytes


@dataclass
class Room:
    """The room on the disk of a program: a small file system, or what the system lets it write."""

    home: Path
    mounted: bool

    def take(self, program: Running, ledger: Path | None = None) -> None:
        """Nothing that is larger can be written any more."""
        if self.mounted:
            _fill(self.home / ".filler")
            return
        most = BIG // 3
        if ledger is not None:  # what is added to it lies beyond; the program's log does not
            most = ledger.with_name(f"{ledger.name}-wal").stat().st_size
            assert most > program.log.stat().st_size + 10_000
        _limit(program, most)

    def give(self, program: Running) -> None:
        """There is room again."""
        if self.mounted:
            (self.home / ".filler").unlink()
        else:
            _limit(program, resource.RLIM_INFINITY)


def _fill(file: Path) -> None:
    with file.open("wb", buffering=0) as out, suppress(OSError):
        while True:
            out.write(bytes(2**12))


def _limit(program: Running, most: int) -> None:
    """The soft limit only, which can be raised again."""
    process = psutil.Process(program.pid)
    hard = process.rlimit(psutil.RLIMIT_FSIZE)[1]
    process.rlimit(psutil.RLIMIT_FSIZE, (most, hard))


@pytest.fixture(params=["small disk", "limit"])
def room(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Room]:
    """Room that can be taken away."""
    home = tmp_path / "home"
    if request.param == "limit":
        if sys.platform != "linux":
            pytest.skip("only Linux limits a program that runs")
        yield Room(home, mounted=False)
        return
    with small_disk(home, 24) as made:
        if made is None:
            pytest.skip("no file system may be mounted here; the limit shows the same")
        yield Room(home, mounted=True)


@pytest.fixture
def ledger_place(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """On the disk that is full, where there is one."""
    if "room" not in request.fixturenames:
        return tmp_path
    made: Room = request.getfixturevalue("room")
    return made.home if made.mounted else tmp_path


def to_the_brim(mab: Installation) -> None:
    """Begin agents however little room there is, as if it were used up just afterwards."""
    written = mab.config.read_text()
    mab.config.write_text(written.replace("[limits]", "[limits]\nkeep_free_gb = 0", 1))


def file_of(mab: Installation) -> Path:
    """The ledger's file."""
    return Path(mab.environ["DATABASE_URL"].removeprefix("sqlite:///"))


async def accepted(mab: Installation) -> tuple[int, int]:
    """How many commands were recorded, and how many agents came of them."""
    async with mab.db.reading() as session:
        commands = await session.scalar(select(func.count(Command.key)))
        return commands or 0, await session.scalar(select(func.count(Node.id))) or 0


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
async def test_another_program_may_lock_the_file_for_longer_than_a_lease(mab: Installation) -> None:
    mab.configure(lease=LEASE)
    waits = call("Bash", command=UNTIL_GO)
    await mab.plays(long=[scene("half.txt", waits, say("Waited."))], new=[REST])
    await mab.serves()
    card = await mab.spawns("long")
    marker = await mab.at_work()
    with closing(sqlite3.connect(file_of(mab), isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        locked = monotonic()
        refused = await mab.slack.commands("you", "general", "/agent spawn new")
        assert not refused.ok
        await until(lambda: states(marker) == {psutil.STATUS_STOPPED}, LEASE)
        assert monotonic() - locked < LEASE
        await until(lambda: monotonic() - locked > LEASE * 1.5)
        other.execute("ROLLBACK")
    lets_go(mab)
    assert await mab.story(card) == ["done"]
    assert await mab.runs() == [(1, "completed")]
    assert await accepted(mab) == (1, 1)
    assert await mab.story(await mab.spawns("new")) == ["done"]


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
async def test_without_room_for_the_ledger_nothing_is_accepted_and_nothing_lost(
    room: Room, mab: Installation
) -> None:
    to_the_brim(mab)
    gate = asyncio.Event()
    await mab.plays(long=[scene("half.txt", Turn("Done.", after=gate))], new=[REST])
    serving = await mab.serves()
    card = await mab.spawns("long")
    await mab.asked(2)
    room.take(serving, file_of(mab))
    refused = await mab.slack.commands("you", "general", "/agent spawn new")
    assert not refused.ok
    gate.set()  # the agent ends, which nobody can record
    await until(lambda: not list(mab.agents()))
    room.give(serving)
    assert await mab.story(card) == ["done"]
    assert await mab.runs() == [(1, "completed")]
    assert "half.txt" in await mab.on_branch()
    assert await accepted(mab) == (1, 1)
    assert await mab.story(await mab.spawns("new")) == ["done"]
    with closing(sqlite3.connect(file_of(mab))) as ledger:
        assert ledger.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


@pytest.mark.parametrize("database_kind", ["postgresql"], indirect=True)
async def test_without_room_for_a_worktree_the_thread_says_so_and_retry_goes_on(
    room: Room, mab: Installation
) -> None:
    to_the_brim(mab)
    (mab.shop / "big").write_bytes(os.urandom(BIG))
    commit(mab.shop, {})
    await mab.plays(long=[REST])
    serving = await mab.serves()
    room.take(serving)
    card = await mab.spawns("long")
    failed = await mab.slack.settled(lambda: _failed(mab, card), timeout=SECONDS)
    assert failed is not None
    assert "the disk is full" in shown(failed)
    assert "make room on the worker" in shown(failed)
    assert git(mab.shop, "branch", "--list", "agent/*") == ""
    assert git(mab.shop, "worktree", "list").count("\n") == 0
    assert [outcome for _, outcome in await mab.runs()] == ["failed"]
    room.give(serving)
    await mab.presses("you", failed, "Retry")
    await mab.told(card, "done")
    assert {"big", "rest.txt"} <= set(await mab.on_branch())


@pytest.mark.parametrize("database_kind", ["postgresql"], indirect=True)
@pytest.mark.parametrize("room", ["small disk"], indirect=True)
async def test_a_disk_that_fills_up_under_an_agent_leaves_what_was_done(
    room: Room, mab: Installation
) -> None:
    to_the_brim(mab)
    gate = asyncio.Event()
    late = Turn(calls=call("Write", file_path="late.txt", content="x" * 50_000).calls, after=gate)
    await mab.plays(long=[scene("half.txt", late, say("Tried.")), REST])
    serving = await mab.serves()
    card = await mab.spawns("long")
    await mab.asked(2)
    room.take(serving)
    gate.set()
    await until(lambda: mab.notices(card) or not list(mab.agents()))
    room.give(serving)
    story = await mab.story(card)
    assert "half.txt" in await mab.on_branch(), story
    assert "late.txt" not in await mab.on_branch()
    assert any(
        "No space left" in str(answer) or "ENOSPC" in str(answer) for answer in mab.answers()
    )
    assert story == ["done"]


def _failed(mab: Installation, card: Message) -> Message | None:
    thread = mab.slack.thread("general", card.ts)[1:]
    return next((message for message in thread if "failed" in message.text), None)
