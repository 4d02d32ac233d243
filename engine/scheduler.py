"""Polling: APScheduler calls the ticks; whoever knows that something is due wakes them sooner."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from time import monotonic
from typing import Any

import structlog
from apscheduler.schedulers.asyncio import AsyncIOScheduler

from engine.store import is_passing, told

WATCH_SECONDS = 5.0
CANCEL_SECONDS = 1.0  # for what was cancelled to end, before it is cancelled again
log = structlog.get_logger()


@dataclass(eq=False)
class Beat:
    """Runs a tick, never twice at once; a wake while it runs makes it run once more."""

    name: str
    tick: Callable[[], Awaitable[None]]
    prompt: bool = True  # whoever has news wakes it; else it is for the poll alone
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

    async def end(self) -> None:
        """End the tick that runs."""
        if self._task is not None:
            await ended({self._task})

    async def rest(self) -> None:
        """Wait until nothing runs."""
        while self._task is not None and not self._task.done():
            await asyncio.wait({self._task})

    async def _run(self) -> None:
        while self._again:
            self._again = False
            try:
                await self.tick()
            except Exception as error:
                if is_passing(error):  # a traceback of an absent database tells nothing
                    log.warning("the next poll tries again", tick=self.name, error=told(error))
                else:
                    log.exception("tick failed; the next poll tries again", tick=self.name)
            self.last = monotonic()


async def ended(tasks: Collection[asyncio.Task[Any]], patience: float = CANCEL_SECONDS) -> None:
    """Cancel tasks until they have ended, again every so many seconds.

    PostgreSQL's driver answers the first time by asking its server to cancel the statement, and
    waits for that; a server that hangs would have us wait for 10 seconds.
    """
    left = set(tasks)
    while left:
        for task in left:
            task.cancel()
        _, left = await asyncio.wait(left, timeout=patience)


@asynccontextmanager
async def polling(
    beats: Mapping[Beat, float], watch_seconds: float = WATCH_SECONDS
) -> AsyncIterator[AsyncIOScheduler]:
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
    watching = asyncio.create_task(_watch(scheduler, beats, watch_seconds))
    try:
        yield scheduler
    finally:
        watching.cancel()
        scheduler.shutdown(wait=False)


async def _watch(
    scheduler: AsyncIOScheduler, beats: Mapping[Beat, float], watch_seconds: float
) -> None:
    """Call the scheduler back when the wall clock was set back: it would wait until it is late."""
    while True:
        began = monotonic()
        await asyncio.sleep(watch_seconds)
        if monotonic() - began > 2 * watch_seconds:
            continue  # the process stood still, and the scheduler has had no chance yet
        for beat, seconds in beats.items():
            if monotonic() - beat.polled > 3 * seconds + watch_seconds:
                log.warning("the scheduler does not poll", tick=beat.name)
                await beat.poll()
                scheduler.modify_job(beat.name, next_run_time=datetime.now(UTC))
