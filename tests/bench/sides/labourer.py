"""Our executor in the bench `recovery`: an agent is a program, as for the peers, see `labour`."""

from contextlib import suppress
from dataclasses import dataclass

from engine.executor import AgentResult, Job, Watch
from engine.states import Cause
from tests.bench.sides.shift import started
from tests.bench.sides.work import Work


@dataclass(frozen=True)
class Labourer:
    """Carries out agents; the worker ends what is left of their programs, as always."""

    work: Work

    async def run(self, job: Job, watch: Watch) -> AgentResult:
        """See `engine.executor.Executor`."""
        process = await started(self.work, job.agent_id, job.environment)
        try:
            await watch.started(process.pid)
            if code := await process.wait():
                return AgentResult(success=False, error=f"{code}", cause=Cause.CLI_CRASHED)
        finally:
            with suppress(ProcessLookupError):
                process.kill()
        return AgentResult(success=True, output="Done.")
