"""Polling: APScheduler calls the ticks; whoever knows that something is due wakes them sooner."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC
from time import monotonic

import structlog
from apscheduler.schedulers.asyncio import AsyncIOScheduler

WATCH_SECONDS = 5.0
log = structlog.get_logger()


@dataclass(eq=False)
class Beat:
    """Runs a tick, never twice at once; a wake while it runs makes it run once more."""

    name: str
    tick: Callable[[], Awaitable[None]]
    last: float = field(default_factory=monotonic)  # when the last tick ended
    polled: float = field(default_factory=monotonic)  # when the scheduler called last
    _again: bool = False
    _task: asyncio.Task[None] | None = None

    def wake(self) -> None:
        """Run the tick as soon as possible."""
        self._again = True
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run())

    async def poll(self) -> None:
        """What the scheduler calls: returns at once, however long the tick takes."""
        self.polled = monotonic()
        self.wake()

    @property
    def busy(self) -> bool:
        """Whether the tick runs."""
        return self._task is not None and not self._task.done()

    def cancel(self) -> None:
        """End the tick that runs."""
        if self._task is not None:
            self._task.cancel()

    async def rest(self) -> None:
        """Wait until nothing runs."""
        while self._task is not None and not self._task.done():
            await asyncio.wait({self._task})

    async def _run(self) -> None:
        while self._again:
            self._again = False
            try:
                await self.tick()
            except Exception:
                log.exception("tick failed; the next poll tries again", tick=self.name)
            self.last = monotonic()


@asynccontextmanager
async def polling(beats: Mapping[Beat, float]) -> AsyncIterator[None]:
    """Poll each beat every so many seconds while the block runs.

    APScheduler would take anything but a coroutine function or a bound coroutine method to a
    thread and never await it; a late poll is done late, not left out.
    """
    scheduler = AsyncIOScheduler(timezone=UTC)
    for beat, seconds in beats.items():
        scheduler.add_job(
            beat.poll,
            "interval",
            seconds=seconds,
            id=beat.name,
            max_instances=1,
            coalesce=True,
            misfire_grace_time=None,
        )
    scheduler.start()
    watching = asyncio.create_task(_watch(beats))
    try:
        yield
    finally:
        watching.cancel()
        scheduler.shutdown(wait=False)


async def _watch(beats: Mapping[Beat, float]) -> None:
    """Stand in for the scheduler when the wall clock is set back: it would wait for it."""
    while True:
        await asyncio.sleep(WATCH_SECONDS)
        for beat, seconds in beats.items():
            if monotonic() - beat.polled > 3 * seconds + WATCH_SECONDS:
                log.warning("the scheduler does not poll", tick=beat.name)
                await beat.poll()
