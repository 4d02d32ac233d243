"""What is seen of an agent while it works, told to the ledger."""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field, replace
from typing import Any

import structlog

from engine.budgets import Gauge
from engine.equipment import Tools
from engine.errors import LostLease
from engine.executor import Step, Usage
from engine.failpoints import Failpoint, reached
from engine.leases import Claim
from engine.process_table import started_at
from engine.processes import ProcessTree
from engine.store import is_passing, told

log = structlog.get_logger()


@dataclass
class Watching:
    """The watch of one attempt (engine.executor.Watch); `lost` is called when its lease is."""

    tools: Tools
    claim: Claim
    lost: Callable[[], None]
    usage: Usage = field(default_factory=Usage)
    gauge: Gauge = field(default_factory=Gauge)  # of what it uses
    said: str = ""  # by the agent, last
    last: Step | None = None
    pid: int = 0
    pid_started: float = 0.0

    @property
    def tree(self) -> ProcessTree:
        """Every process that belongs to the attempt."""
        return ProcessTree(self.pid, self.pid_started, self.claim.marker, self.tools.host)

    async def started(self, pid: int) -> None:
        """The agent's root process runs."""
        self.pid, self.pid_started = pid, await asyncio.to_thread(started_at, pid)
        reached(Failpoint.AFTER_CLI_START)
        await self._tell(self.tools.runs.started(self.claim, pid, self.pid_started))

    async def step(self, step: Step, usage: Usage) -> None:
        """The agent took a step."""
        self.usage = usage
        reached(Failpoint.BEFORE_STEP)
        step = replace(step, subject=self.tools.mask.text(step.subject))
        if not step.tool:
            self.said = step.subject
        if step == self.last:  # the same step has used more
            await self._tell(self.tools.runs.used(self.claim, usage))
        else:
            await self._tell(self.tools.runs.step(self.claim, step, usage))
        self.last = step
        if self.gauge.due(usage.cost):
            await self._tell(self.tools.budgets.look(self.claim))

    async def spoken(self) -> tuple[str, ...]:
        """What people have said to the agent."""
        heard: list[str] = []

        async def listen() -> None:
            heard.extend(await self.tools.runs.spoken(self.claim))

        await self._tell(listen())
        return tuple(heard)

    async def _tell(self, telling: Coroutine[Any, Any, None]) -> None:
        """Speak with the ledger; that it cannot be reached does not disturb the agent."""
        try:
            await telling
        except LostLease:
            self.lost()
        except Exception as error:
            if not is_passing(error):
                raise
            log.warning("ledger not reached", agent=self.claim.agent_id, error=told(error))
