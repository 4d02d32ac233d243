"""The worker: claims pending agents for its free slots and carries them out."""

import asyncio
import os
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import structlog

from engine import processes
from engine.attempt import Attempt
from engine.due import due
from engine.equipment import Tools
from engine.errors import LostLease, MabError
from engine.executor import AgentResult
from engine.failpoints import Failpoint, reached
from engine.leases import Claim, Leases, LostRun, Offer, RunKey
from engine.process_table import started_at
from engine.processes import ProcessTree, rebooted
from engine.renewal import Renewal
from engine.room import Room
from engine.runs import Ending
from engine.scheduler import ended
from engine.states import Cause
from engine.store import is_away, is_passing, patiently, told
from engine.verdicts import Halt
from engine.views import Note, NoteKind, Work
from engine.workflows import Workflows

LOST_PER_TICK = 10
ANSWER_SECONDS = 2.0  # for the database to answer when it stops
AWAY_SECONDS = 3.0  # for agents to end when it does not, and for what is cancelled
HANDOVER_SECONDS = 11.0  # for that; what is left then is found by its dead worker's leases
log = structlog.get_logger()


@dataclass
class Worker:
    """A process with slots. `tick` does what is due; nothing here waits for an agent."""

    tools: Tools
    leases: Leases
    workflows: Workflows
    told: Callable[[], None] = lambda: None  # somebody should look at the outbox
    drain_seconds: float = 6.0  # for running agents to end by themselves when it stops
    attempts: dict[RunKey, Attempt] = field(default_factory=dict)
    closing: set[RunKey] = field(default_factory=set)  # lost runs that are being closed here
    stopping: bool = False
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)
    _ticking: asyncio.Lock = field(default_factory=asyncio.Lock)

    def __post_init__(self) -> None:
        limits, home = self.tools.settings.limits, self.tools.settings.home.expanduser()
        self.room = Room(self.leases, limits.slots, home, limits.keep_free_gb)
        self.renewal = Renewal(self.leases, self.attempts, self.closing)

    @property
    def slots(self) -> int:
        """How many agents run here at once."""
        return self.tools.settings.limits.slots

    @property
    def repos(self) -> tuple[str, ...]:
        """The repositories whose agents run here."""
        return tuple(self.tools.settings.repos)

    async def join(self, version: str) -> None:
        """Become known, and close what dead workers of this host left."""
        pid = os.getpid()
        started = await asyncio.to_thread(started_at, pid)
        await self.leases.register(Offer(self.slots, self.repos, version, pid, started))
        await self.renewal.bury_dead()
        await self.tools.model.open()

    async def tick(self) -> None:
        """Stop what was cancelled, close what was lost, claim what is pending."""
        async with self._ticking:
            there = await due(self.leases.db, (agent for agent, _ in self.attempts), self.repos)
            if there.cancelled:
                await self._cancel()
            if there.braked:
                for attempt in self.attempts.values():
                    attempt.halt(Halt.HANDOVER)
            if there.lost:
                await self._take_over()
            if not self.stopping:
                await self._claim(pending=there.pending)

    async def _cancel(self) -> None:
        for key in await self.leases.cancelled(self.attempts):
            if attempt := self.attempts.get(key):  # it may have ended in the meantime
                attempt.halt(Halt.CANCEL)

    async def _take_over(self) -> None:
        held = {*self.attempts, *self.closing}
        for lost in await self.leases.take_over(LOST_PER_TICK, held):
            self.closing.add(lost.key)
            self._spawn(self._close_lost(lost))

    async def _claim(self, *, pending: bool) -> None:
        free = self._free() if await self.room.there() and pending else 0
        for claim in await self.leases.claim(free, self.repos):
            self._begin(claim)

    def _free(self) -> int:
        return self.slots - len(self.attempts)

    def _begin(self, claim: Claim) -> None:
        attempt = Attempt(self.tools, claim)
        self.attempts[claim.key] = attempt
        self._spawn(self._carry_out(attempt))

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        """Say what no part of the program expected; the run's lease ends, and it is taken over."""
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("task failed", exc_info=error)

    async def _carry_out(self, attempt: Attempt) -> None:
        claim = attempt.claim
        with structlog.contextvars.bound_contextvars(agent=claim.agent_id, attempt=claim.attempt):
            try:
                await self._close(claim, await self._ending(attempt))
            except LostLease:
                log.warning("lease lost; nothing more is said about this run")
            finally:
                self.attempts.pop(claim.key, None)
                self.tools.model.dismiss(claim.marker)
        await self._after()

    async def _ending(self, attempt: Attempt) -> Ending:
        try:
            return await attempt.carry_out()
        except LostLease:
            raise
        except Exception as error:
            if is_away(error):  # nothing was begun: another attempt is, once it is back
                return Ending(Halt.HANDOVER, AgentResult(success=False))
            log.exception("attempt failed unexpectedly")
            result = AgentResult(success=False, error=repr(error), cause=Cause.INTERNAL)
            return Ending(attempt.halted, result)

    async def _close(self, claim: Claim, ending: Ending) -> None:
        """Record the end, however long the database is away."""
        verdict = await patiently(self.tools.runs.close, claim, ending)
        ended = {"outcome": verdict.outcome, "cause": verdict.cause}
        log.info("attempt ended", **ended, error=ending.result.error)

    async def _close_lost(self, lost: LostRun) -> None:
        """End what a lost run left running, keep its work, and let its agent go on."""
        with structlog.contextvars.bound_contextvars(agent=lost.agent_id, attempt=lost.attempt):
            try:
                reached(Failpoint.AFTER_TAKEOVER_COMMIT)
                work = await self._recover(lost)
                reached(Failpoint.DURING_TAKEOVER)
                if work is not None:  # else it is looked at again when our lease of it ends
                    await self._close(lost, Ending(Halt.LOST, AgentResult(success=False), work))
            except LostLease:
                log.warning("somebody else closes this lost run")
            finally:
                self.closing.discard(lost.key)
        await self._after()

    async def _recover(self, lost: LostRun) -> Work | None:
        """What a lost run has left; None while its agent may still be at work on our disk."""
        view, *_ = await patiently(self.tools.runs.brief, lost)
        workspace, here = Path(lost.workspace), self.leases.host
        if not lost.workspace:
            return view.work
        if lost.host != here and not await self.tools.workshop.worktrees.has(workspace):
            return _out_of_reach(view.work, workspace)  # that host's own worker saves the rest
        # A container's pids are its own: what runs in another one cannot be seen, nor ended.
        if not (lost.host == here or rebooted(lost.host, here)) and await patiently(
            self.leases.heard_of, lost.host
        ):
            log.warning("lost run is left for a lease: its worker may live", host=lost.host)
            return None
        await processes.end(
            ProcessTree(lost.pid or 0, lost.pid_started or 0.0, lost.marker, lost.host)
        )
        try:
            return await self.tools.workshop.salvage(view, workspace)
        except MabError:
            log.exception("work of a lost run could not be kept")
            return view.work

    async def _after(self) -> None:
        """Let the next ones in, and have people told."""
        self.told()
        try:
            await self.workflows.admit()
            await self.tick()
            await self.workflows.line_moved()
        except Exception as error:
            if not is_passing(error):
                raise
            log.warning("next tick left to the poll", error=told(error))

    async def renew(self) -> None:
        """Renew all leases now."""
        await self.renewal.renew()

    async def keep_leases(self) -> None:
        """Renew for ever; a task of its own, so that nothing else can delay it."""
        await self.renewal.keep()

    async def stop(self) -> None:
        """Take nothing new, let agents end for a moment, hand over the rest with their work.

        While the database is away nothing can be handed over: the work is committed, the
        processes are ended, and the next worker of this host takes over what it finds.
        """
        self.stopping = True
        await self.renewal.renew(ANSWER_SECONDS)
        await self._settle(0 if self.renewal.away else self.drain_seconds)
        for attempt in self.attempts.values():
            attempt.halt(Halt.HANDOVER)
        await self._settle(AWAY_SECONDS if self.renewal.away else HANDOVER_SECONDS)
        if left := sorted({*self.attempts, *self.closing}):
            log.error("not handed over in time", runs=left)
            await ended(self._tasks, AWAY_SECONDS)
        else:
            await self._leave()
        await self.tools.model.close()

    async def _leave(self) -> None:
        try:
            await self.leases.leave()
        except Exception as error:
            if not is_passing(error):
                raise
            log.warning("not signed off; the next worker finds out", error=told(error))

    async def _settle(self, seconds: float) -> None:
        if self._tasks:
            await asyncio.wait(set(self._tasks), timeout=seconds)


def _out_of_reach(work: Work, workspace: Path) -> Work:
    earlier = (note for note in work.notes if note.kind is not NoteKind.OUT_OF_REACH)
    return replace(work, notes=(*earlier, Note(NoteKind.OUT_OF_REACH, workspace.name)))
