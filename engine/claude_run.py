"""One job, carried out by the Claude CLI: what has to be there, then the conversation with it."""

import asyncio
import shutil
import tempfile
from dataclasses import replace
from pathlib import Path

from engine import claude_options, claude_program
from engine.claude_session import Session
from engine.executor import AgentResult, Job, Watch
from engine.sandbox import sandbox_tools
from engine.states import Cause


async def carry_out(job: Job, watch: Watch, cli_path: Path | None) -> AgentResult:
    """Run a job to its end; `cli_path` None: the CLI that the SDK brings along."""
    missing = await asyncio.to_thread(sandbox_tools)
    using = claude_options.shell(job.confinement.sandbox, missing)
    if using is None:
        return _refused(Cause.SANDBOX, f"not installed here: {', '.join(missing)}")
    if not await asyncio.to_thread(job.workspace.is_dir):
        return _refused(Cause.WORKTREE, f"{job.workspace} does not exist")
    cli = await asyncio.to_thread(claude_program.find, cli_path)
    if cli is None:
        return _refused(Cause.CLI_MISSING, f"no such program: {cli_path or 'claude'}")
    program = await asyncio.to_thread(claude_program.launcher, job.environment, cli)
    scratch = await asyncio.to_thread(tempfile.mkdtemp, prefix="mab-run-")
    try:
        real = await asyncio.to_thread(_resolved, job, scratch)
        return await Session(real, watch, using, program).run()
    finally:
        await asyncio.to_thread(shutil.rmtree, scratch, ignore_errors=True)


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
