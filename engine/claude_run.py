"""One job, carried out by the Claude CLI: what has to be there, then the conversation with it."""

import asyncio
import os
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from engine import claude_options, claude_program
from engine.claude_options import Shell
from engine.claude_resume import opened
from engine.claude_session import Session
from engine.claude_shelf import Shelf, Sight
from engine.claude_take_up import Done, Launch, take_up
from engine.claude_walls import walls
from engine.directories import drop
from engine.executor import AgentResult, Call, Job, Watch
from engine.sandbox import sandbox_tools
from engine.scratch import prefix
from engine.states import Cause
from engine.transcripts import Transcripts, TranscriptsAway

LONGEST_SCRATCH = 64  # bytes; a socket's path in it has 34 more, and macOS allows 103


async def carry_out(
    job: Job, watch: Watch, cli_path: Path | None, sessions: Transcripts | None
) -> AgentResult:
    """Run a job to its end; `cli_path` None: the CLI that the SDK brings along."""
    missing = await asyncio.to_thread(sandbox_tools)
    using = claude_options.shell(job, missing)
    if using is None:
        return _refused(Cause.SANDBOX, f"not installed here: {', '.join(missing)}")
    if not await asyncio.to_thread(job.workspace.is_dir):
        return _refused(Cause.WORKTREE, f"{job.workspace} does not exist")
    cli = await asyncio.to_thread(claude_program.find, cli_path)
    if cli is None:
        return _refused(Cause.CLI_MISSING, f"no such program: {cli_path or 'claude'}")
    shelf = Shelf(sessions, job.project, (job.agent_id, job.attempt)) if sessions else None
    try:
        job = await _continued(job, shelf)
    except TranscriptsAway as error:
        return _refused(Cause.CONNECTION, f"the session cannot be read: {error}")
    program = await asyncio.to_thread(claude_program.launcher, job.environment, cli)
    mine = prefix(job.environment)
    scratch = await asyncio.to_thread(tempfile.mkdtemp, prefix=mine)
    try:
        real = await asyncio.to_thread(_resolved, job, scratch)
        walled = walls(real, shell=using is not Shell.OFF)
        return await _started(Launch(real, using, program, walled), watch, shelf)
    finally:
        await asyncio.to_thread(drop, Path(scratch))


async def _started(launch: Launch, watch: Watch, shelf: Shelf | None) -> AgentResult:
    async def carry(call: Call, store: Sight) -> Done | None:
        return await take_up(launch, call, store)

    try:
        opening = await opened(launch.job, shelf, carry)
    except TranscriptsAway as error:
        return _refused(Cause.CONNECTION, f"the session cannot be settled: {error}")
    return await Session(launch, watch, opening).run()


async def _continued(job: Job, shelf: Shelf | None) -> Job:
    """The job with its session if there is one to go on with, else with a new one."""
    there = shelf and job.session_id and await shelf.holds(job.session_id)
    return job if there else replace(job, session_id="")


def _refused(cause: Cause, why: str) -> AgentResult:
    return AgentResult(success=False, error=why, cause=cause)


def _resolved(job: Job, scratch: str) -> Job:
    """The job with its paths as the CLI sees them: without symbolic links.

    What is hidden is hidden under both names. The directory for temporary files is the run's
    own: by default the CLI gives all its sandboxes the same.
    """
    environment = {**job.environment, **_temporary(scratch)}
    wall = job.confinement
    hidden = dict.fromkeys([*wall.hidden, *(path.resolve() for path in wall.hidden)])
    readable = tuple(path.resolve() for path in wall.readable)
    writable = tuple(path.resolve() for path in wall.writable)
    private = tuple(path.resolve() for path in _of_the_cli(environment))
    wall = replace(
        wall, hidden=tuple(hidden), readable=readable, writable=writable, private=private
    )
    workspace = job.workspace.resolve()
    return replace(job, workspace=workspace, confinement=wall, environment=environment)


def _temporary(scratch: str) -> dict[str, str]:
    """The variables that name the directory; the CLI's sockets go there where their paths fit.

    Elsewhere its sandbox, from which other temporary files are hidden, is without the network.
    """
    chosen = {"CLAUDE_CODE_TMPDIR": scratch}
    fits = len(os.fsencode(scratch)) <= LONGEST_SCRATCH
    return {**chosen, "TMPDIR": scratch} if fits else chosen


def _of_the_cli(environment: Mapping[str, str]) -> Iterator[Path]:
    """What the CLI's shell needs of the CLI's places: its sockets, and how a shell begins."""
    yield Path(environment["CLAUDE_CODE_TMPDIR"])
    if home := environment.get("CLAUDE_CONFIG_DIR"):
        yield Path(home) / "shell-snapshots"
