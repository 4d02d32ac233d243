"""Processes of runs that have ended: ended as well, and no others."""

import sys
from asyncio import create_subprocess_exec
from asyncio.subprocess import PIPE, Process
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from engine.processes import MARKER
from engine.scratch import Live
from engine.survivors import Survivors


async def _started(home: Path, marker: str) -> Process:
    """A process that runs until its input ends."""
    environ = {"HOME": str(home)} | ({MARKER: marker} if marker else {})
    command = (sys.executable, "-I", "-c", "print(flush=True); input()")
    process = await create_subprocess_exec(*command, env=environ, stdin=PIPE, stdout=PIPE)
    assert process.stdout
    await process.stdout.readline()
    return process


def _living(*markers: str) -> Callable[[], Awaitable[Live]]:
    async def live() -> Live:
        return Live(markers, ())

    return live


async def test_what_no_live_run_has_started_is_ended(tmp_path: Path) -> None:
    dead = await _started(tmp_path, "dead")
    assert await Survivors(tmp_path).end(_living("alive")) == 1
    assert await dead.wait() < 0


@pytest.mark.parametrize(
    ("elsewhere", "marker"),
    [("", "alive"), ("other", "dead"), ("", "")],
    ids=["a live run", "another installation", "no agent"],
)
async def test_nothing_else_is_touched(tmp_path: Path, elsewhere: str, marker: str) -> None:
    other = await _started(tmp_path / elsewhere, marker)
    assert await Survivors(tmp_path).end(_living("alive")) == 0
    assert other.returncode is None
    await other.communicate(b"\n")
    assert other.returncode == 0
