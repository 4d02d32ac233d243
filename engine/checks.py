"""A repository's own commands around an agent's work: what prepares it, and what judges it."""

from dataclasses import dataclass, replace

import structlog

from engine.executor import AgentResult
from engine.sandbox import SandboxMissing, Shell
from engine.states import Cause
from engine.verdicts import checked
from engine.views import Check

COMMAND_SECONDS = 600.0  # for each
log = structlog.get_logger()


@dataclass(frozen=True)
class Checks:
    """Runs the commands of one attempt where its agent works."""

    shell: Shell

    async def run(self, command: str) -> Check:
        """Run a command to its end; raises SandboxMissing where nothing can be confined."""
        ran = await self.shell.run(command, COMMAND_SECONDS)
        return Check(command, ran.exit_code, ran.tail)

    async def judge(
        self, result: AgentResult, named: str, usual: str
    ) -> tuple[AgentResult, Check | None]:
        """The result once the work was checked, and what the check said.

        The check that a task `named` has to be passed; without one the `usual` check of the
        repository is run, and people are told what it says.
        """
        if not (result.success and (named or usual)):
            return result, None
        try:
            check = await self.run(named or usual)
        except SandboxMissing as error:
            log.warning("not tested", reason=str(error))  # the note about Bash says it to people
            return (_untested(result, error) if named else result), None
        return (checked(result, check) if named else result), check


def _untested(result: AgentResult, error: SandboxMissing) -> AgentResult:
    return replace(result, success=False, error=str(error), cause=Cause.SANDBOX)
