"""Git, killed in the middle of its work, and the locks that it leaves: neither loses anything."""

import asyncio
import os
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from engine import killed_git
from engine.git import Git, GitError
from engine.merges import merge
from engine.worktrees import WorktreeError
from tests.edges.test_merges import Shop
from tests.edges.test_worktrees import Yard
from tests.repositories import commit, create, git

DIES = """#!/bin/sh
for word in "$@"; do
    if [ "$word" = {verb} ] && mkdir {once} 2>/dev/null; then
        [ {when} = before ] || {git} "$@"
        kill -9 $$
    fi
done
exec {git} "$@"
"""
HOLDS = "import sys, time; lock = open(sys.argv[1], 'x'); print(flush=True); time.sleep(60)"
WRITING = ("worktree", "update-ref", "symbolic-ref", "read-tree", "update-index", "write-tree")
MOMENTS = [
    *((verb, when) for verb in (*WRITING, "commit-tree") for when in ("before", "after")),
    *((verb, "before") for verb in ("rev-parse", "merge-base", "ls-files", "diff-tree")),
]
Deadly = Callable[[str, str], Path]


@pytest.fixture
def yard(tmp_path: Path) -> Yard:
    return Yard(tmp_path / "home", create(tmp_path / "shop", {"README.md": "hello\n"}))


@pytest.fixture
def deadly(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Deadly:
    """Let the next git that is given a certain word be killed, before or after its work."""
    real = shutil.which("git")

    def lay(verb: str, when: str) -> Path:
        once, program = tmp_path / "once", tmp_path / "bin" / "git"
        program.parent.mkdir()
        program.write_text(DIES.format(verb=verb, when=when, once=once, git=real))
        program.chmod(0o755)
        monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
        return once

    return lay


@pytest.mark.parametrize(("verb", "when"), MOMENTS)
async def test_a_killed_git_takes_nothing_from_an_agents_work(
    yard: Yard, deadly: Deadly, verb: str, when: str
) -> None:
    died = deadly(verb, when)
    worktree = await yard.open()
    (worktree.path / "x").write_text("x")
    saved = await yard.save(worktree)
    assert git(yard.path, "show", f"{worktree.branch}:x") == "x"
    assert (saved.rescued, saved.left_out) == ("", ())
    assert (await yard.worktrees.remove(worktree.path)).moved_to is None
    assert died.exists(), "it was killed once"
    assert git(yard.path, "rev-parse", worktree.branch) == saved.commit
    assert git(yard.path, "for-each-ref", "--format=%(refname)").split() == [
        "refs/heads/agent/1-task",
        "refs/heads/main",
    ]
    assert [path.name for path in yard.worktrees.root.iterdir()] == [".records"]
    assert list((yard.path / ".git").rglob("*.lock")) == []


async def test_a_git_that_the_system_kills_in_mid_checkout_is_begun_anew(
    yard: Yard, tmp_path: Path
) -> None:
    commit(yard.path, {".gitattributes": "* filter=deadly\n", "a": "a\n", "b": "b\n"})
    once = f"mkdir '{tmp_path}/once' 2>/dev/null && kill -9 $PPID; cat"
    git(yard.path, "config", "filter.deadly.smudge", once)
    worktree = await yard.open()
    assert (tmp_path / "once").exists()
    assert git(worktree.path, "status", "--porcelain") == ""
    assert await yard.worktrees.orphans([worktree.path]) == ()


async def test_a_git_that_the_system_kills_in_mid_commit_is_begun_anew(
    yard: Yard, tmp_path: Path
) -> None:
    commit(yard.path, {".gitattributes": "* filter=deadly\n"})
    once = f"mkdir '{tmp_path}/once' 2>/dev/null && kill -9 $PPID; cat"
    git(yard.path, "config", "filter.deadly.clean", once)
    worktree = await yard.open()
    shutil.rmtree(tmp_path / "once", ignore_errors=True)
    (worktree.path / "x").write_text("x")
    saved = await yard.save(worktree)
    assert (tmp_path / "once").exists()
    assert (saved.left_out, git(yard.path, "show", f"{worktree.branch}:x")) == ((), "x")


@pytest.mark.parametrize("verb", ["merge-tree", "commit-tree"])
async def test_a_git_that_is_killed_in_mid_merge_is_begun_anew(
    tmp_path: Path, deadly: Deadly, verb: str
) -> None:
    shop = Shop(create(tmp_path / "shop"), tmp_path / "home")
    both = shop.branch("one", {"1": "x"}), shop.branch("two", {"2": "x"})
    repo = await shop.open()
    expected = await merge(repo, both, "Merge them")
    died = deadly(verb, "after")
    assert await merge(repo, both, "Merge them") == expected
    assert died.exists()


async def test_a_git_that_is_killed_every_time_is_an_error_and_the_work_stays(
    yard: Yard, tmp_path: Path
) -> None:
    commit(yard.path, {".gitattributes": "* filter=deadly\n"})
    worktree = await yard.open()
    git(yard.path, "config", "filter.deadly.clean", "kill -9 $PPID; cat")
    (worktree.path / "x").write_text("x")
    with pytest.raises(WorktreeError, match="could not be committed"):
        await yard.save(worktree)
    assert (worktree.path / "x").read_text() == "x"
    git(yard.path, "config", "filter.deadly.clean", "cat")
    assert {file.path for file in (await yard.save(worktree)).files} == {"x"}


def _dead_lock(lock: Path) -> Path:
    """A lock as a git leaves it that is killed."""
    lock.parent.mkdir(parents=True, exist_ok=True)
    lock.touch()
    return lock


async def test_the_lock_of_a_dead_git_is_taken_away_and_the_branch_moves(yard: Yard) -> None:
    worktree = await yard.open()
    lock = _dead_lock(yard.path / ".git" / f"{worktree.ref}.lock")
    (worktree.path / "x").write_text("x")
    saved = await yard.save(worktree)
    assert (saved.rescued, lock.exists()) == ("", False)
    assert git(yard.path, "show", f"{worktree.branch}:x") == "x"


@asynccontextmanager
async def held(lock: Path, name: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """A lock that a program of this name holds."""
    program = lock.parent / name
    program.symlink_to(sys.executable)
    process = await asyncio.create_subprocess_exec(
        str(program), "-I", "-S", "-c", HOLDS, str(lock), stdout=subprocess.PIPE
    )
    try:
        assert process.stdout
        await process.stdout.readline()
        yield process
    finally:
        process.kill()
        await process.wait()


async def test_a_living_git_is_waited_for(yard: Yard) -> None:
    worktree = await yard.open()
    lock = yard.path / ".git" / f"{worktree.ref}.lock"
    (worktree.path / "x").write_text("x")
    async with held(lock, "git-alive"):
        saving = asyncio.create_task(yard.save(worktree))
        done, _ = await asyncio.wait({saving}, timeout=1)
        assert not done, "it waits"
        lock.unlink()
        saved = await saving
    assert saved.rescued == ""


async def test_a_lock_that_a_living_git_keeps_stays_and_the_work_is_rescued(yard: Yard) -> None:
    worktree = await yard.open()
    lock = yard.path / ".git" / f"{worktree.ref}.lock"
    (worktree.path / "x").write_text("x")
    async with held(lock, "git-alive"):
        saved = await yard.save(worktree)
        assert lock.exists()
    assert git(yard.path, "show", f"{saved.rescued}:x") == "x"


async def test_an_error_about_a_lock_says_which_and_nothing_else(yard: Yard) -> None:
    lock = yard.path / ".git/refs/heads/new.lock"
    async with held(lock, "git-alive"):
        with pytest.raises(GitError) as error:
            await Git(yard.path / ".git").out("update-ref", "refs/heads/new", "HEAD")
    assert error.value.detail.endswith(f"Unable to create '{lock}': File exists.")
    assert "\n" not in error.value.detail


async def test_the_sweep_takes_our_dead_locks_and_nobody_elses(yard: Yard) -> None:
    worktree = await yard.open()
    top = yard.path / ".git"
    ours = [
        top / "refs/heads/agent/7-x.lock",
        top / "refs/mab/rescue/agent-7-1.lock",
        worktree.git_dir / "index.lock",
    ]
    others = [top / "index.lock", top / "refs/heads/main.lock", top / "packed-refs.lock"]
    for lock in (*ours, *others):
        _dead_lock(lock)
    assert killed_git.sweep(top, -60) == 0, "they may be of a git that has just begun"
    await swept(top, killed_git.SETTLED_SECONDS + 1, len(ours))
    assert [lock.exists() for lock in (*ours, *others)] == [False] * 3 + [True] * 3
    await swept(top, killed_git.OTHERS_SECONDS + 1, 1)
    assert [lock.exists() for lock in others] == [True, True, False], "packed refs, much later"


async def swept(git_dir: Path, ahead: float, count: int) -> None:
    """Sweep until so many are taken; gits of other tests may hold them as far as we know."""
    taken = 0
    async with asyncio.timeout(60):
        while taken < count:
            taken += killed_git.sweep(git_dir, ahead)
            await asyncio.sleep(0.05)
    assert taken == count
