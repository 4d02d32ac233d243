"""What worker, CLI, helpers and shells leave when they are killed, and that it is cleared away."""

import os
import signal
import time
from contextlib import suppress
from itertools import chain
from pathlib import Path

import psutil
import pytest

from engine.executor import Sandbox
from engine.mounts import POINTS
from tests.processes.conftest import LONG, REST, Installation, until

MINUTES = 120.0


@pytest.fixture(params=["sqlite"])
def database_kind(request: pytest.FixtureRequest) -> str:
    """Files and processes alone count here."""
    return str(request.param)


def _below(root: Path) -> set[str]:
    found = (Path(at, name) for at, *names in os.walk(root) for name in chain(*names))
    return {str(path.relative_to(root)) for path in found}


def _foreign(grown: set[str]) -> list[str]:
    """What is neither git's objects nor an agent's branch or worktree."""
    ours = ("objects/", "refs/heads/agent", "logs/refs/heads/agent", "worktrees")
    return [name for name in grown if not name.startswith(ours)]


def _long_ago(git_dir: Path) -> None:
    """Let the sandbox's mount points be as old as they are when a worker looks again."""
    for point in POINTS:
        with suppress(FileNotFoundError):
            os.utime(git_dir / point, (time.time() - MINUTES,) * 2)


def _all_die(mab: Installation, pid: int) -> None:
    """Worker, CLI, its helpers and its shell, as when a machine or a container goes down."""
    for process in (psutil.Process(pid), *mab.agents()):
        with suppress(psutil.Error):
            process.send_signal(signal.SIGKILL)


async def test_nothing_stays_of_runs_that_were_killed(mab: Installation) -> None:
    mab.configure(lease=5, sandbox=Sandbox.AUTO)
    await mab.plays(first=[LONG, REST], second=[LONG, REST])
    temporary, git_dir = Path(mab.environ["TMPDIR"]), mab.shop / ".git"
    before = _below(git_dir)
    serving = await mab.serves()
    first = await mab.spawns("first")
    await mab.at_work(1)
    await serving.dies()
    serving = await mab.serves()
    assert await mab.story(first) == ["taken over", "done"]
    second = await mab.spawns("second")
    await mab.at_work(2)
    _all_die(mab, serving.pid)
    await serving.ended()
    assert _below(temporary), "there is something to clear away"
    serving = await mab.serves()
    assert await mab.story(second) == ["taken over", "done"]
    serving.signal(signal.SIGTERM)
    await serving.ended()
    _long_ago(git_dir)
    await mab.serves()  # which clears away first of all
    await until(lambda: not _below(temporary))
    assert list(mab.agents()) == []
    there = {path.name for path in (mab.root / "home/.worktrees").glob("agent-*")}
    await until(lambda: {path.name for path in (git_dir / "worktrees").iterdir()} == there)
    await until(lambda: not _foreign(_below(git_dir) - before))
