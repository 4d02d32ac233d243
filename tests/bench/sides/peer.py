"""What is asked of every peer, in the same words: entering jobs, and carrying them out."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from functools import partial
from time import perf_counter, time
from typing import Any, Protocol

from tests.bench.sides.shift import laboured, up
from tests.bench.sides.work import Count, Work, answer

CHUNK = 1000  # jobs that are entered at once where many are
SETTLE_SECONDS = 4.0  # for a worker to become idle before the first job comes


Does = Callable[[int], Awaitable[None]]  # carries out a job, known by its number


class Peer(Protocol):
    """A library with its database open."""

    async def install(self) -> None:
        """Make the tables."""

    async def enter(self, numbers: Sequence[int]) -> None:
        """Put jobs in, by the library's own way for so many."""

    async def left(self) -> int:
        """How many jobs are not recorded as ended; some number above 0 will do."""

    async def carry_out(self, does: Does) -> None:
        """Be a worker until cancelled."""


Open = Callable[[Work], AbstractAsyncContextManager[Peer]]
Do = Callable[[Work, Peer], Awaitable[Any]]


def run(opened: Open) -> None:
    """The program of a peer: do what is asked on the command line."""
    work = Work.given()

    async def done() -> Any:
        async with opened(work) as peer:
            return await DOES[work.do](work, peer)

    answer(asyncio.run(done()))


async def _fill(work: Work, peer: Peer) -> Any:
    """Make the tables and put the jobs in."""
    await peer.install()
    began = perf_counter()
    for first in range(0, work.jobs, CHUNK):
        await peer.enter(range(first, min(first + CHUNK, work.jobs)))
    return {"seconds": perf_counter() - began}


async def _drain(work: Work, peer: Peer) -> Any:
    """Carry out what is there."""
    count = Count(work.jobs)
    began = perf_counter()
    working = asyncio.create_task(peer.carry_out(count.take))
    found = await count.acknowledged(peer.left, began, working)
    await _ended(working)
    return found


async def _serve(work: Work, peer: Peer) -> Any:
    """Be idle but for what another process puts in; when each job began, by its number."""
    count = Count(work.jobs)
    working = asyncio.create_task(peer.carry_out(count.take))
    await count.all_of(working)
    await _ended(working)
    return {"began": sorted(count.began.items())}


async def _send(work: Work, peer: Peer) -> Any:
    """Put in one job after the other; when each was about to be."""
    await asyncio.sleep(SETTLE_SECONDS)
    return {"sent": await paced(work, lambda number: peer.enter([number]))}


async def _both(work: Work, peer: Peer) -> Any:
    """The two in one process."""
    served, sent = await asyncio.gather(_serve(work, peer), _send(work, peer))
    return served | sent


async def _labour(work: Work, peer: Peer) -> Any:
    """Have a program carry out each job, until this process is killed."""
    up(work)
    await peer.carry_out(partial(laboured, work))


async def paced(work: Work, enter: Callable[[int], Awaitable[Any]]) -> list[float]:
    """Enter jobs at their rate, each at its time whatever the one before took; when each was."""
    sent, began = [], perf_counter()
    for number in range(work.jobs):
        await asyncio.sleep(began + number / work.per_second - perf_counter())
        sent.append(time())
        await enter(number)
    return sent


async def _ended(working: asyncio.Task[None]) -> None:
    working.cancel()
    await asyncio.wait({working})


DOES: dict[str, Do] = {
    "fill": _fill,
    "drain": _drain,
    "serve": _serve,
    "send": _send,
    "both": _both,
    "labour": _labour,
}
