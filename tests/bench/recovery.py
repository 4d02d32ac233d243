"""What becomes of eight runs when their worker is killed, or stands still for longer than a lease.

A second worker, idle until then, has to begin them again. Each run is a program with a log of
its own that no queue can touch: it says who began it, and who brought it to its end. All sides
wait for the same seconds of silence.

Killed: how long until the second worker has begun all of them, and how many end twice.
Paused (SIGSTOP): the same; and whether the programs of both workers are there at once. Then, while
the second worker is at work, those of the first come to their end if they still can, and the first
goes on and reports what it has: a run that is recorded as ended then, with the second worker still
at work, was ended by a stale word. Paused as they end: the programs of the first come to their end
well while it stands still.
"""

import asyncio
import signal
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AsyncExitStack
from time import time
from typing import Any

from tests import repositories
from tests.bench.field import SIDES, Stock, stocked
from tests.bench.ground import Ground
from tests.bench.measure import Extent
from tests.bench.process import SideFailed
from tests.bench.rows import Row, collected, is_ours
from tests.bench.scene import FIRST, RUNS, SECOND, SETTLE_SECONDS, Process, Scene

LEASE = 30.0  # seconds; what procrastinate and pgqueuer have by themselves (ours: 60)
QUICK_LEASE = 6.0
FAILED = "SELECT count(*) FROM runs WHERE outcome = 'failed'"
MOST_SECONDS = 700.0  # until all are begun again: ten minutes, and some leases
RARELY = "procrastinate"  # looks every ten minutes, for which a quick run does not wait
NOTES = {
    "mab_side": "real worktrees; both workers on one host, where the second sees that the first "
    "is gone; on another host killed is as paused",
    "procrastinate_side": "tried again by a periodic task, every ten minutes as documented; tuned: "
    "every second",
    "pgqueuer_side": "an idle worker looks every 30 s; tuned: every second",
    "dbos_side": "needs an operator: the second worker is started with the first one's name, at "
    "once when that was killed, after a lease when it stands still (and the first is not killed); "
    "start included",
}


async def recovery(ground: Ground, extent: Extent) -> AsyncIterator[Row]:
    """Seconds until all are begun again, and what happened twice; raises SideFailed."""
    lease = QUICK_LEASE if extent.quick else LEASE
    for side in SIDES:
        if not extent.takes(side.name) or (extent.quick and side.name == RARELY):
            continue
        stock = await stocked(ground, side, RUNS)
        note = f"{lease:.0f} s of silence; {NOTES[side.program]}"
        for happens in (_killed, _paused, _done):
            found = [await _once(ground, stock, lease, happens) for _ in extent.times]
            for row in collected("recovery", found, side=side.name, note=note):
                yield row
        await stock.cleared(ground)


async def _once(
    ground: Ground,
    stock: Stock,
    lease: float,
    happens: Callable[[Scene], Coroutine[Any, Any, dict[str, float]]],
) -> dict[str, float]:
    copy, home = await ground.copy(stock.database, stock.file), ground.home()
    await asyncio.to_thread(repositories.create, home / "shop")
    found = await happens(Scene(stock.side, copy, home, stock.errors, lease))
    if is_ours(stock.side.name):  # a failed attempt is followed by a pause: it explains seconds
        case = next(iter(found)).partition(",")[0]
        found[f"{case}, failed beside attempts"] = await copy.counted(FAILED)
    await copy.removed()
    return found


async def _killed(scene: Scene) -> dict[str, float]:
    async with AsyncExitStack() as stack:
        first = await _both(scene, stack)
        since = time()
        first.kill()
        await first.wait()
        if scene.operated:
            await stack.enter_async_context(scene.worker(SECOND))
        seconds = await _restarted(scene, since)
        lost = await scene.ended()
        return {
            "killed, all begun again s": seconds,
            "killed, ended twice runs": scene.many("ended", 2),
            "killed, never recorded as ended runs": lost,
        }


async def _paused(scene: Scene) -> dict[str, float]:
    async with AsyncExitStack() as stack:
        first = await _both(scene, stack)
        seconds = await _stood_still(scene, stack, first)
        at_work = sum(run.lives for run in scene.begun(FIRST).values())
        scene.finish(FIRST)
        stale = await _goes_on(scene, first)
        lost = await scene.ended()
        return {
            "paused, all begun again s": seconds,
            "paused, at work twice runs": at_work,
            "paused, stale ends accepted runs": stale,
            "paused, ended twice runs": scene.many("ended", 2),
            "paused, begun three times runs": scene.many("began", 3),
            "paused, never recorded as ended runs": lost,
        }


async def _done(scene: Scene) -> dict[str, float]:
    async with AsyncExitStack() as stack:
        first = await _both(scene, stack)
        seconds = await _stood_still(scene, stack, first, done=True)
        stale = await _goes_on(scene, first)
        lost = await scene.ended()
        return {
            "paused as they end, all begun again s": seconds,
            "paused as they end, stale ends accepted runs": stale,
            "paused as they end, begun three times runs": scene.many("began", 3),
            "paused as they end, never recorded as ended runs": lost,
        }


async def _stood_still(
    scene: Scene, stack: AsyncExitStack, first: Process, *, done: bool = False
) -> float:
    """The first worker stands still, and its runs if `done` come to their end meanwhile.

    Seconds until the second has begun every run.
    """
    since = time()
    first.send_signal(signal.SIGSTOP)
    if done:
        scene.finish(FIRST)
    if scene.operated:
        await asyncio.sleep(scene.lease)
        await stack.enter_async_context(scene.worker(SECOND))
    return await _restarted(scene, since)


async def _both(scene: Scene, stack: AsyncExitStack) -> Process:
    """The first worker, with all runs, and if it can be the second, which is idle."""
    first = await stack.enter_async_context(scene.worker(FIRST))
    await scene.until(lambda: scene.all_begun(FIRST), 60 + SETTLE_SECONDS)
    if not scene.operated:
        await stack.enter_async_context(scene.worker(SECOND))
        await scene.until(lambda: bool(scene.said("up", SECOND)), 60)
    await asyncio.sleep(SETTLE_SECONDS)
    if scene.begun(SECOND) or scene.said("ended"):
        raise SideFailed(f"{scene.side.name}: the second worker began too soon")
    return first


async def _restarted(scene: Scene, since: float) -> float:
    """Seconds since then until the second worker has begun every run."""
    await scene.until(lambda: scene.all_begun(SECOND), MOST_SECONDS)
    return max(run.at for run in scene.begun(SECOND).values()) - since


async def _goes_on(scene: Scene, first: Process) -> int:
    """The first worker goes on, its runs done; how many are recorded as ended by what it says."""
    first.send_signal(signal.SIGCONT)
    every = scene.begun(FIRST).values()
    await scene.until(lambda: not any(run.lives for run in every), 60)
    await asyncio.sleep(max(SETTLE_SECONDS, scene.lease / 3))  # it may report late
    if scene.said("ended", SECOND):
        raise SideFailed(f"{scene.side.name}: the second worker's runs ended too soon")
    return await scene.recorded()
