"""The executor that works: a job carried out by the Claude CLI."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from pathlib import Path

from engine.executor import AgentResult, Job, Watch
from engine.transcripts import Transcripts

CarryOut = Callable[[Job, Watch, Path | None, Transcripts | None], Awaitable[AgentResult]]


@dataclass(frozen=True)
class ClaudeExecutor:
    """Runs jobs with the CLI that the SDK brings along, or with the one given.

    The environment of the CLI and its shells is the job's and nothing else. What is left of
    its process tree when it ends, however it ends, is killed.

    With `sessions` every session is kept there while the agent works, and a job can go on with
    one of them. A job whose session is not there (or where nothing is kept) begins a new one:
    the result then names another session than the job.
    """

    cli_path: Path | None = None
    sessions: Transcripts | None = None

    async def run(self, job: Job, watch: Watch) -> AgentResult:
        """Run the job to its end; see `engine.executor.Executor`."""
        started = time.monotonic()
        carry_out = await asyncio.to_thread(_loaded)
        result = await carry_out(job, watch, self.cli_path, self.sessions)
        return replace(result, duration_ms=round((time.monotonic() - started) * 1000))


def _loaded() -> CarryOut:
    """The SDK takes most of a second to load; commands that run no agent do without."""
    from engine.claude_run import carry_out  # noqa: PLC0415

    return carry_out
