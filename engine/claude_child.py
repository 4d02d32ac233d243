"""The process of a Claude CLI, as it tells of itself on standard error."""

import asyncio
from collections import deque
from contextlib import suppress

import psutil

from engine import claude_launch, processes
from engine.processes import ProcessTree, TreeSurvived

_LINES = 20  # of standard error, kept for the words of a crash


class Child:
    """One CLI, known by the line of its launcher and by the marker in its environment."""

    def __init__(self, marker: str) -> None:
        self._marker = marker
        self._pid: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._heard: deque[str] = deque(maxlen=_LINES)
        self._tree: ProcessTree | None = None

    @property
    def started(self) -> bool:
        """Whether it has told its process id."""
        return self._pid.done()

    @property
    def heard(self) -> tuple[str, ...]:
        """The last lines of its standard error."""
        return tuple(self._heard)

    def hear(self, line: str) -> None:
        """Take a line of its standard error."""
        if line.startswith(claude_launch.PID_LINE) and not self._pid.done():
            self._pid.set_result(int(line.removeprefix(claude_launch.PID_LINE)))
        else:
            self._heard.append(line)

    async def pid(self) -> int | None:
        """Its process id, once it has started; None: it has ended already."""
        pid = await self._pid
        with suppress(psutil.NoSuchProcess):
            self._tree = await asyncio.to_thread(ProcessTree.of, pid, self._marker)
            return pid
        return None

    async def end(self) -> None:
        """End what is left of its process tree."""
        if self.started and not self._tree:
            await self.pid()
        if self._tree:
            with suppress(TreeSurvived):  # the worker looks for itself, and tells people
                await processes.end(self._tree, grace=0)
