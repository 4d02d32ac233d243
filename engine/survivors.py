"""Processes of runs that have ended: started for a run when others had closed it already.

A worker that stood still for longer than its lease may start an agent before it learns that the
run is no longer its own. If it is killed then, nobody else looks for what it has started.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import structlog

from engine import process_table, processes
from engine.process_table import environment
from engine.processes import MARKER, ProcessTree, host_identity
from engine.scratch import Live

log = structlog.get_logger()


@dataclass(frozen=True)
class Survivors:
    """Ends what no live run of this installation has started."""

    home: Path  # of agents' processes

    async def end(self, live: Callable[[], Awaitable[Live]]) -> int:
        """End them; gives how many there were.

        The live runs are asked for last: a run is known before anything is started for it.
        """
        found = await asyncio.to_thread(self._markers)
        dead = found.difference((await live()).markers) if found else ()
        ended = 0
        for marker in sorted(dead):
            ended += await processes.end(ProcessTree(0, 0.0, marker, host_identity()))
            log.warning("processes of a run that has ended were ended", processes=ended)
        return ended

    def _markers(self) -> set[str]:
        """The markers of all processes of ours; blocks for a look at the process table."""
        found = [environment(entry.pid) for entry in process_table.living()]
        return {each.get(MARKER, "") for each in found if each.get("HOME") == str(self.home)} - {""}
