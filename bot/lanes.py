"""Lanes: threads are served side by side, and those of one place wait for no other place."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

SIDE_BY_SIDE = 4  # threads of one place
AT_ONCE = 32  # threads of all places
WAITING = 12  # threads of one place


@dataclass
class Lane:
    """The threads of one place, in the order of their turns."""

    waiting: list[int] = field(default_factory=list)
    served: set[int] = field(default_factory=set)  # now
    tasks: set[asyncio.Task[None]] = field(default_factory=set)


@dataclass
class Lanes:
    """Serves every thread that is given to it; what goes wrong is raised by `pause`."""

    serve: Callable[[int], Awaitable[None]]
    _lanes: dict[str, Lane] = field(default_factory=dict)
    _room: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(AT_ONCE))

    def full(self) -> list[str]:
        """The places that have enough to do."""
        return [place for place, lane in self._lanes.items() if len(lane.waiting) >= WAITING]

    def add(self, place: str, thread: int) -> None:
        """Serve a thread, unless it waits or is served already."""
        lane = self._lanes.setdefault(place, Lane())
        if thread not in lane.waiting and thread not in lane.served:
            lane.waiting.append(thread)
        if lane.waiting and len(lane.tasks) < SIDE_BY_SIDE:
            lane.tasks.add(asyncio.create_task(self._work(lane)))

    def clear(self, place: str) -> None:
        """Nothing more can be done in a place now; what waits has its turn later."""
        if lane := self._lanes.get(place):
            lane.waiting.clear()

    async def pause(self, seconds: float | None = None) -> None:
        """Wait until all is done, or for so long; raises what went wrong."""
        if tasks := self._tasks():
            await asyncio.wait(tasks, timeout=seconds)
        failed = [error for task in tasks if task.done() and (error := _error(task))]
        for place, lane in list(self._lanes.items()):
            lane.tasks = {task for task in lane.tasks if not task.done()}
            if not lane.tasks:
                del self._lanes[place]
        if failed:
            raise failed[0]

    async def stop(self) -> None:
        """End everything that is under way."""
        tasks = self._tasks()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _tasks(self) -> list[asyncio.Task[None]]:
        return [task for lane in self._lanes.values() for task in lane.tasks]

    async def _work(self, lane: Lane) -> None:
        while lane.waiting:
            thread = lane.waiting.pop(0)
            lane.served.add(thread)
            try:
                async with self._room:
                    await self.serve(thread)
            finally:
                lane.served.discard(thread)


def _error(task: asyncio.Task[None]) -> BaseException | None:
    return None if task.cancelled() else task.exception()
