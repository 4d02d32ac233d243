"""Polling: APScheduler calls the ticks. It only claims and dispatches, so each call is short."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import UTC

from apscheduler.schedulers.asyncio import AsyncIOScheduler

Tick = Callable[[], Awaitable[None]]


@asynccontextmanager
async def polling(ticks: Mapping[str, tuple[Tick, float]]) -> AsyncIterator[AsyncIOScheduler]:
    """Call each tick every so many seconds while the block runs.

    Ticks must be coroutine functions or bound coroutine methods: APScheduler takes anything
    else to a thread and never awaits it. A late tick is done late, not left out.
    """
    scheduler = AsyncIOScheduler(timezone=UTC)
    for name, (tick, seconds) in ticks.items():
        scheduler.add_job(
            tick,
            "interval",
            seconds=seconds,
            id=name,
            max_instances=1,
            coalesce=True,
            misfire_grace_time=None,
        )
    scheduler.start()
    try:
        yield scheduler
    finally:
        scheduler.shutdown(wait=False)
