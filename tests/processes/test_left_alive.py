"""A worker dies and its CLI lives on: where no parent-death signal reaches, the next worker ends it.

The CLI is started here below a shell that the signal ends in its place, as on a system without
one. Who has the pid of a run by chance is nobody's CLI and is left alone.
"""

import asyncio
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import update

from engine import claude_program, processes
from engine.executor import Sandbox
from engine.models import Run
from engine.process_table import started_at
from tests.conftest import ONE_DATABASE
from tests.processes.conftest import LONG, REST, Installation, Running, marked, until

# A worker as `mab serve` makes it, but for the program that it takes for the CLI.
SERVES = """
import asyncio, os, sys
from pathlib import Path
from bot import secrets
held = secrets.take(os.environ)
from bot import logs
from bot.program import Given, serve
from bot.settings import BotSettings
from engine.claude import ClaudeExecutor
from engine.sessions import Sessions
settings = BotSettings(database_url=held.values["DATABASE_URL"])
logs.configure("info", held)
given = Given(settings, held, dict(os.environ), Path(os.environ["MAB_CONFIG"]))
asyncio.run(serve(given, lambda db: ClaudeExecutor(Path(sys.argv[1]), Sessions(db))))
"""


async def serves_with(mab: Installation, cli: Path) -> Running:
    """Start bot and worker with another CLI."""
    script, log = mab.root / "serves.py", mab.root / "0-serves.log"
    script.write_text(SERVES)
    with log.open("wb") as out:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, str(script), str(cli)),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            cwd=mab.root,
            env=mab.environ,
        )
    mab.programs.append(Running(process, log))
    return await mab.programs[-1].ready()


def behind_a_shell(place: Path) -> Path:
    """The real CLI, as the child of a shell that the worker takes for it."""
    cli = claude_program.find(None)
    assert cli
    place.write_text(f'#!/bin/sh\nexec 3<&0\n{shlex.quote(str(cli))} "$@" <&3 3<&- &\nwait\n')
    place.chmod(0o700)
    return place


def clis(marker: str) -> list[str]:
    """The CLIs of a run, without what they have started."""
    return [line for line in marked(marker) if "stream-json" in line]


@pytest.fixture
def innocent() -> Iterator[subprocess.Popen[bytes]]:
    """Somebody else's process."""
    process = subprocess.Popen(["sleep", "300"])
    yield process
    process.kill()
    process.wait()


@ONE_DATABASE
async def test_a_cli_that_outlives_its_worker_is_ended_and_nobody_else(
    mab: Installation, innocent: "subprocess.Popen[bytes]"
) -> None:
    mab.configure(sandbox=Sandbox.OFF)
    await mab.plays(long=[LONG, REST])
    first = await serves_with(mab, behind_a_shell(mab.root / "claude.sh"))
    card = await mab.spawns("long")
    marker = await mab.at_work()
    await first.dies()
    assert [line for line in clis(marker) if "/bin/sh" not in line], "it has outlived its worker"
    # the pid of its shell is somebody else's by now
    reused = update(Run).values(pid=innocent.pid, pid_started=1.0)
    async with mab.db.writing() as session:
        await session.execute(reused)
    await mab.serves()
    await mab.told(card, "taken over")
    assert marked(marker) == []
    assert await mab.story(card) == ["taken over", "done"]
    assert await mab.runs() == [(1, "lost"), (2, "completed")]
    assert {"half.txt", "rest.txt"} <= set(await mab.on_branch())
    assert innocent.poll() is None
    assert processes.runs(innocent.pid, started_at(innocent.pid))
    await until(lambda: not list(mab.agents()))
