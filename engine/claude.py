"""The executor that works: a job carried out by the Claude CLI."""

import asyncio
import shutil
import sys
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path

from engine import claude_options, claude_program
from engine.claude_session import Session
from engine.executor import AgentResult, Job, Sandbox, Watch
from engine.states import Cause
from engine.views import Note, NoteKind


def sandbox_tools() -> tuple[str, ...]:
    """The programs that the CLI's sandbox needs and this host lacks."""
    if sys.platform == "darwin":
        return ()
    return tuple(name for name in ("bwrap", "socat") if shutil.which(name) is None)


def restrictions(sandbox: Sandbox) -> list[Note]:
    """What people should know of how this agent is confined; looks for programs, so it blocks."""
    if sandbox is Sandbox.OFF:
        return [Note(NoteKind.UNCONFINED)]
    missing = sandbox_tools()
    return [Note(NoteKind.BASH_OFF, ", ".join(missing))] if missing else []


@dataclass(frozen=True)
class ClaudeExecutor:
    """Runs jobs with the CLI that the SDK brings along, or with the one given.

    The environment of the CLI and its shells is the job's and nothing else. What is left of
    its process tree when it ends, however it ends, is killed.
    """

    cli_path: Path | None = None

    async def run(self, job: Job, watch: Watch) -> AgentResult:
        """Run the job to its end; see `engine.executor.Executor`."""
        started = time.monotonic()
        result = await self._run(job, watch)
        return replace(result, duration_ms=round((time.monotonic() - started) * 1000))

    async def _run(self, job: Job, watch: Watch) -> AgentResult:
        missing = await asyncio.to_thread(sandbox_tools)
        using = claude_options.shell(job.confinement.sandbox, missing)
        if using is None:
            return _refused(Cause.SANDBOX, f"not installed here: {', '.join(missing)}")
        if not await asyncio.to_thread(job.workspace.is_dir):
            return _refused(Cause.WORKTREE, f"{job.workspace} does not exist")
        cli = await asyncio.to_thread(claude_program.find, self.cli_path)
        if cli is None:
            return _refused(Cause.CLI_MISSING, f"no such program: {self.cli_path or 'claude'}")
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
