"""The two programs of the bench `slack`: the bot as `mab bot` runs it, and agents by a script."""

import asyncio
import signal
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from bot.pace import POSTS
from bot.program import open_program, running
from engine.executor import AgentResult, Job, Step, Usage, Watch
from tests.bench.lag import Lag
from tests.bench.sides.mab_side import given, working
from tests.bench.sides.work import Work, answer

STEP_SECONDS = 5.0  # between two steps of an agent
LOOK_SECONDS = 0.1


@dataclass
class Reporter:
    """Carries out agents that take a step every few seconds, and end all together."""

    over: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self, job: Job, watch: Watch) -> AgentResult:
        """See `engine.executor.Executor`."""
        steps = 0
        await self._pause(STEP_SECONDS * (job.agent_id % 10) / 10)  # not all in one moment
        while not self.over.is_set():
            steps += 1
            await watch.step(Step("Bash", f"step {steps} of {job.agent_id}"), Usage(turns=steps))
            await self._pause(STEP_SECONDS)
        return AgentResult(success=True, output=f"Done after {steps} steps.")

    async def _pause(self, seconds: float) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self.over.wait(), seconds)

    async def end_with(self, file: Path) -> None:
        """Let all agents end as soon as a file is there."""
        while not await asyncio.to_thread(file.exists):  # noqa: ASYNC110 - another process makes it
            await asyncio.sleep(LOOK_SECONDS)
        self.over.set()


async def speak(work: Work) -> Any:
    """The bot alone, until SIGTERM; how late its event loop was."""
    lag, ended = Lag(), asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    async with running(replace(given(work), posts_per_minute=POSTS), None):
        watching = asyncio.create_task(lag.watch())
        await ended.wait()
        watching.cancel()
    return {"late": lag.found}


async def report(work: Work) -> Any:
    """A worker alone, whose agents report until they may end."""
    reporter = Reporter()
    async with (
        open_program(given(work)) as program,
        working(program, reporter, work.home),
    ):
        await reporter.end_with(Path(work.go))
        await asyncio.Event().wait()


DOES = {"speak": speak, "report": report}

if __name__ == "__main__":
    todo = Work.given()
    answer(asyncio.run(DOES[todo.do](todo)))
