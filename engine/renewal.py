"""The renewal of a worker's leases, and what befalls its agents while that is not possible."""

import asyncio
from collections.abc import Collection, Coroutine, Mapping
from dataclasses import dataclass, field
from time import monotonic
from typing import Any

import structlog

from engine import processes
from engine.attempt import Attempt
from engine.leases import Leases, RunKey
from engine.store import is_passing, told
from engine.verdicts import Halt

MOST_GIVEN_UP = 3  # questions without an answer that may be under way beside a new one
log = structlog.get_logger()


@dataclass
class Renewal:
    """Asks the ledger for more time, and never waits for its answer longer than a lease allows."""

    leases: Leases
    attempts: Mapping[RunKey, Attempt]
    closing: Collection[RunKey]
    renewed: float = field(default_factory=monotonic)  # when the last one that succeeded began
    away: bool = False  # the ledger did not answer when it was asked last
    _frozen: bool = False
    _given_up: set[asyncio.Task[Any]] = field(default_factory=set)

    async def keep(self) -> None:
        """Renew for ever; a task of its own, so that nothing else can delay it."""
        while True:
            try:
                await self.renew()
                if not self.away:
                    await self._asked(self.bury_dead(), self.leases.seconds / 4)
            except Exception:
                log.exception("leases not renewed")  # and tried again: giving up loses every run
            await asyncio.sleep(self.leases.seconds / 6)

    async def renew(self, within: float | None = None) -> None:
        """Renew all leases; freeze the agents while that is impossible, end those we lost.

        Waits for a quarter of a lease at most, or `within` seconds.
        """
        began = monotonic()
        held = {*self.attempts, *self.closing}  # what is claimed meanwhile is not in question
        ours = await self._asked(self.leases.renew(held), within or self._patience())
        self.away = ours is None
        if ours is None:
            await self._fence()
            return
        self.renewed = began
        for key, attempt in list(self.attempts.items()):
            if key in held - ours:
                attempt.halt(Halt.LOST)
            elif self._frozen:
                await processes.thaw(attempt.tree)
        self._frozen = False

    def _patience(self) -> float:
        """Seconds to wait for an answer; agents are frozen before their leases end, not after."""
        quarter = self.leases.seconds / 4
        left = self.renewed + self.leases.seconds * 11 / 12 - monotonic()
        return quarter if self._frozen else max(0.0, min(quarter, left))

    async def bury_dead(self) -> None:
        """End the leases of this host's workers whose process is gone."""
        for other in await self.leases.neighbours():
            if not await asyncio.to_thread(processes.runs, other.pid, other.pid_started):
                log.warning("worker is gone", worker=other.worker)
                await self.leases.bury(other.worker)

    async def _asked(self, asking: Coroutine[Any, Any, Any], seconds: float) -> Any:
        """What the ledger answers; None when it cannot be asked, or takes too long.

        A connection that hangs takes its time to be given up, which nobody waits for here.
        """
        if len(self._given_up) >= MOST_GIVEN_UP:
            asking.close()
            await asyncio.wait(self._given_up, timeout=seconds)
            return None
        task = asyncio.create_task(asking)
        try:
            await asyncio.wait({task}, timeout=seconds)
            if task.done():
                return task.result()
        except Exception as error:
            log.warning("ledger not reached", error=told(error), exc_info=not is_passing(error))
        finally:
            if not task.done():
                self._give_up(task)
        return None

    def _give_up(self, task: asyncio.Task[Any]) -> None:
        task.cancel()
        self._given_up.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._given_up.discard(task)
        if not task.cancelled():
            task.exception()  # seen: it was given up

    async def _fence(self) -> None:
        """Freeze every agent when their leases are about to end unrenewed.

        Again each time: what a frozen agent's worker does beside may have started processes.
        """
        if monotonic() - self.renewed < self.leases.seconds * 2 / 3:
            return
        if not self._frozen:
            log.error("database away for most of a lease; agents are frozen")
        self._frozen = True
        for attempt in list(self.attempts.values()):
            await processes.freeze(attempt.tree)
