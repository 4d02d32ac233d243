"""What a killed sandbox leaves in a git directory goes, and nothing else does."""

import os
import time
from pathlib import Path

import pytest

from engine.locks import Locks
from engine.mounts import POINTS, Mounts


@pytest.fixture
def mounts(tmp_path: Path) -> Mounts:
    return Mounts(Locks(tmp_path / "locks"))


@pytest.fixture
def git_dir(tmp_path: Path) -> Path:
    made = tmp_path / "repo.git"
    (made / "objects" / "info").mkdir(parents=True)
    (made / "info").mkdir()
    return made


def leave(git_dir: Path) -> None:
    """Do as the sandbox does."""
    (git_dir / "config.lock").touch()
    (git_dir / "remotes").mkdir()
    (git_dir / "objects" / "info" / "alternates").touch()


def left(git_dir: Path) -> list[str]:
    return sorted(point for point in POINTS if (git_dir / point).exists())


async def test_what_appears_while_an_agent_works_goes_when_it_ends(
    mounts: Mounts, git_dir: Path
) -> None:
    async with mounts.in_use(git_dir):
        leave(git_dir)
    assert left(git_dir) == []


async def test_nothing_goes_while_another_agent_works_there(mounts: Mounts, git_dir: Path) -> None:
    async with mounts.in_use(git_dir):
        async with mounts.in_use(git_dir):
            leave(git_dir)
        assert left(git_dir) == ["config.lock", "objects/info/alternates", "remotes"]
        await Mounts(Locks(git_dir.parent / "locks")).sweep(git_dir)
        assert "config.lock" in left(git_dir)
    assert left(git_dir) == []


async def test_what_was_there_before_and_is_fresh_may_be_gits_own(
    mounts: Mounts, git_dir: Path
) -> None:
    (git_dir / "config.lock").touch()
    async with mounts.in_use(git_dir):
        pass
    await mounts.sweep(git_dir)
    assert left(git_dir) == ["config.lock"]


async def test_what_a_dead_worker_left_a_while_ago_goes(mounts: Mounts, git_dir: Path) -> None:
    (git_dir / "config.lock").touch()
    os.utime(git_dir / "config.lock", (time.time() - 120, time.time() - 120))
    await mounts.sweep(git_dir)
    assert left(git_dir) == []


async def test_what_holds_something_stays(mounts: Mounts, git_dir: Path) -> None:
    async with mounts.in_use(git_dir):
        leave(git_dir)
        (git_dir / "config.lock").write_text("[core]")
        (git_dir / "remotes" / "origin").write_text("URL: x")
    assert left(git_dir) == ["config.lock", "remotes"]
