"""What becomes of an agent, and of its work, when git or what it lies on fails in the middle."""

import asyncio
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from engine.executor import Step
from engine.janitor import Janitor
from engine.scripted import Wait, Write
from engine.states import Cause, Decision, Status
from engine.station import make_janitor
from engine.views import NodeView
from engine.worker import Worker
from tests.repositories import commit
from tests.worker.conftest import Station, git
from tests.worker.test_waiting import Play, asked, click, gone_on, pushes

KEPT = 49 * 3600.0  # longer than the worktree of an ended agent is kept
SMALL = """#!/bin/sh
[ -e {full} ] && ulimit -f 100
exec {git} "$@"
"""


@pytest.fixture(params=["sqlite"])
def database_kind(request: pytest.FixtureRequest) -> str:
    """Git alone counts here."""
    return str(request.param)


@dataclass(frozen=True)
class Disk:
    """As long as it is full, git can write no file of more than 50 kB."""

    marker: Path

    def fills(self) -> None:
        self.marker.touch()

    def has_room(self) -> None:
        self.marker.unlink()


@pytest.fixture
def disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Disk:
    marker, program = tmp_path / "full", tmp_path / "bin" / "git"
    program.parent.mkdir()
    program.write_text(SMALL.format(full=marker, git=shutil.which("git")))
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    return Disk(marker)


def worktree(station: Station) -> Path:
    """The only one."""
    [path] = (station.home / ".worktrees").glob("agent-*")
    return path


def janitor(worker: Worker, tmp_path: Path, days: int = 0) -> Janitor:
    made = make_janitor(worker)
    late = replace(made.worktrees, clock=lambda: datetime.now(UTC) + timedelta(days=days))
    return replace(
        made,
        scratch=replace(made.scratch, place=tmp_path / "nowhere"),
        workshop=replace(made.workshop, worktrees=late),
    )


async def broken_off(
    station: Station, worker: Worker, breaks: Callable[[], object], content: str = "x"
) -> NodeView:
    """An agent that has written a file when something breaks, and then ends."""
    gate = asyncio.Event()
    station.script["Do it"] = [Write("work.txt", content), Step("Bash", "make"), Wait(gate)]
    agent = await station.spawn("Do it")
    await worker.tick()
    await station.active(agent)
    breaks()
    gate.set()
    return await station.ended(agent)


async def again(station: Station, worker: Worker, view: NodeView) -> NodeView:
    """A further attempt, which writes another file."""
    station.script[view.task] = [Write("more.txt", "x")]
    await station.mending.retry(view.id, await station.wish())
    await worker.tick()
    return await station.ended(view.id)


def held(station: Station, file: str) -> list[str]:
    """The refs that hold a file."""
    refs = git("for-each-ref", "--format=%(refname)", cwd=station.shop).split()
    return [
        ref
        for ref in refs
        if file in git("ls-tree", "--name-only", ref, cwd=station.shop).splitlines()
    ]


async def test_a_worktree_that_is_removed_while_people_think_is_made_anew(
    station: Station,
) -> None:
    station.plan = Play(pushes(1), then=[Write("rest.txt", "rest")])
    worker = await station.worker()
    agent = await station.spawn("push it")
    await worker.tick()
    inquiry = await asked(station, agent)
    for path in (station.home / ".worktrees").glob("agent-*"):
        await asyncio.to_thread(shutil.rmtree, path)
    await click(station, inquiry, Decision.APPROVE)
    await gone_on(station, worker, agent)
    view = await station.ledger.agent(agent)
    assert view.status is Status.COMPLETED
    assert [station.on_branch(view, name) for name in ("half.txt", "rest.txt")] == ["half", "rest"]


async def test_a_repository_that_moves_while_people_think_is_a_sentence_and_nothing_is_lost(
    station: Station, tmp_path: Path
) -> None:
    station.plan = Play(pushes(1), then=[Write("rest.txt", "rest")])
    worker = await station.worker()
    agent = await station.spawn("push it")
    await worker.tick()
    inquiry = await asked(station, agent)
    shutil.move(station.shop, tmp_path / "away")
    await click(station, inquiry, Decision.APPROVE)
    await gone_on(station, worker, agent)
    view = await station.ledger.agent(agent)
    assert (view.status, view.cause) == (Status.FAILED, Cause.REPOSITORY)
    assert "does not exist; correct `path`" in view.error
    shutil.move(tmp_path / "away", station.shop)
    station.plan = None
    view = await again(station, await station.worker(), view)
    assert view.status is Status.COMPLETED
    assert [station.on_branch(view, name) for name in ("half.txt", "more.txt")] == ["half", "x"]


async def test_a_repository_that_moves_while_an_agent_works_takes_nothing_from_it(
    station: Station, tmp_path: Path
) -> None:
    worker, away = await station.worker(), tmp_path / "away"
    view = await broken_off(station, worker, lambda: shutil.move(station.shop, away))
    assert (view.status, view.cause) == (Status.FAILED, Cause.REPOSITORY)
    assert "does not exist" in view.error
    assert (worktree(station) / "work.txt").read_text() == "x"
    shutil.move(away, station.shop)
    after = await again(station, worker, view)
    assert after.status is Status.COMPLETED
    assert [station.on_branch(after, name) for name in ("work.txt", "more.txt")] == ["x", "x"]


async def test_a_repository_that_is_gone_for_good_leaves_the_work_to_be_found(
    station: Station, tmp_path: Path
) -> None:
    worker = await station.worker()
    view = await broken_off(station, worker, lambda: shutil.rmtree(station.shop))
    assert (view.status, view.cause) == (Status.FAILED, Cause.REPOSITORY)
    place = worktree(station)
    await station.pass_time(KEPT)
    await janitor(worker, tmp_path).tick()
    assert place.exists(), "it may be away for a moment only"
    await janitor(worker, tmp_path, days=2).tick()
    assert not place.exists()
    found = station.home / ".worktrees" / "lost+found" / place.name / "work.txt"
    assert found.read_text() == "x"


async def test_a_disk_that_is_full_in_mid_checkout_fails_the_agent_and_leaves_nothing(
    station: Station, disk: Disk
) -> None:
    commit(station.shop, {"large.txt": "x" * 200_000})
    worker = await station.worker()
    disk.fills()
    station.script["Do it"] = [Write("work.txt", "x")]
    agent = await station.spawn("Do it")
    await worker.tick()
    view = await station.ended(agent)
    assert (view.status, view.cause) == (Status.FAILED, Cause.DISK)
    assert "make room on the worker's disk" in view.error
    assert list((station.home / ".worktrees").glob("agent-*")) == []
    assert git("worktree", "list", cwd=station.shop).count("\n") == 0
    assert held(station, "large.txt") == ["refs/heads/main"]
    disk.has_room()
    after = await again(station, worker, view)
    assert after.status is Status.COMPLETED
    assert station.on_branch(after, "more.txt") == "x"


async def test_a_disk_that_is_full_in_mid_commit_keeps_the_work_for_the_next_attempt(
    station: Station, disk: Disk
) -> None:
    worker = await station.worker()
    random = os.urandom(200_000).hex()
    view = await broken_off(station, worker, disk.fills, random)
    assert (view.status, view.cause) == (Status.FAILED, Cause.DISK)
    assert (worktree(station) / "work.txt").read_text() == random
    disk.has_room()
    after = await again(station, worker, view)
    assert after.status is Status.COMPLETED
    assert [station.on_branch(after, name) for name in ("work.txt", "more.txt")] == [random, "x"]


async def test_what_could_not_be_committed_is_saved_without_a_further_attempt_too(
    station: Station, disk: Disk, tmp_path: Path
) -> None:
    worker = await station.worker()
    random = os.urandom(200_000).hex()
    view = await broken_off(station, worker, disk.fills, random)
    disk.has_room()
    await station.pass_time(KEPT)
    await janitor(worker, tmp_path).tick()
    assert list((station.home / ".worktrees").glob("agent-*")) == []
    assert station.on_branch(view, "work.txt") == random


async def test_an_index_lock_in_the_owners_checkout_stops_nobody(station: Station) -> None:
    lock = station.shop / ".git/index.lock"
    lock.touch()
    view = await broken_off(station, await station.worker(), lambda: None)
    assert view.status is Status.COMPLETED
    assert station.on_branch(view, "work.txt") == "x"
    assert lock.exists(), "it is the owner's"


async def test_locks_that_a_dead_git_left_stop_nobody(station: Station) -> None:
    worker, locks = await station.worker(), list[Path]()

    def dies() -> None:
        [entry] = (station.shop / ".git/worktrees").iterdir()
        branch = (entry / "HEAD").read_text().removeprefix("ref: ").strip()
        locks.extend([entry / "index.lock", entry / "HEAD.lock"])
        locks.append(station.shop / ".git" / f"{branch}.lock")
        for lock in locks:
            lock.touch()

    view = await broken_off(station, worker, dies)
    assert view.status is Status.COMPLETED
    assert (station.on_branch(view, "work.txt"), held(station, "work.txt")) == (
        "x", [f"refs/heads/{view.work.branch}"],
    )  # fmt: skip
    assert not locks[-1].exists()
