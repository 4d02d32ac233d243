"""One job, carried out by the Claude CLI: what has to be there, then the conversation with it."""

import asyncio
import shutil
import tempfile
from dataclasses import replace
from pathlib import Path

from engine import claude_options, claude_program
from engine.claude_session import Session
from engine.claude_shelf import Shelf
from engine.executor import AgentResult, Job, Watch
from engine.sandbox import sandbox_tools
from engine.states import Cause
from engine.transcripts import Transcripts, TranscriptsAway


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
    shelf = Shelf(sessions, job.project) if sessions else None
    try:
        job = await _continued(job, shelf)
    except TranscriptsAway as error:
        return _refused(Cause.CONNECTION, f"the session cannot be read: {error}")
    program = await asyncio.to_thread(claude_program.launcher, job.environment, cli)
    scratch = await asyncio.to_thread(tempfile.mkdtemp, prefix="mab-run-")
    try:
        real = await asyncio.to_thread(_resolved, job, scratch)
        return await Session(real, watch, using, program, shelf).run()
    finally:
        await asyncio.to_thread(shutil.rmtree, scratch, ignore_errors=True)


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
    environment = {"CLAUDE_CODE_TMPDIR": scratch, **job.environment}
    wall = job.confinement
    hidden = dict.fromkeys([*wall.hidden, *(path.resolve() for path in wall.hidden)])
    readable = tuple(path.resolve() for path in wall.readable)
    writable = tuple(path.resolve() for path in wall.writable)
    wall = replace(wall, hidden=tuple(hidden), readable=readable, writable=writable)
    workspace = job.workspace.resolve()
    return replace(job, workspace=workspace, confinement=wall, environment=environment)
