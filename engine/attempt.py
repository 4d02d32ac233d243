"""One attempt of an agent in this process, from its worktree to its commit."""

import asyncio
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from time import monotonic
from typing import Any

import structlog

from engine import processes
from engine.assignments import Assignment, Site, broken, cause_of, job
from engine.beginnings import beginning
from engine.bringing import bring
from engine.checks import Checks
from engine.equipment import Tools
from engine.errors import LostLease, MabError
from engine.executor import AgentResult, Job, Step, Usage
from engine.leases import Claim
from engine.matters import Conflict
from engine.processes import ProcessTree
from engine.runs import Ending
from engine.sandbox import Shell, restrictions
from engine.states import Cause
from engine.store import is_passing
from engine.verdicts import Halt, leave_for
from engine.views import Check, NodeView, Note, NoteKind, Work
from engine.workshop import Bench

RETURN_SECONDS = 8.0  # for an executor to return once its processes are gone
log = structlog.get_logger()


@dataclass
class Attempt:
    """A claimed run that this process carries out."""

    tools: Tools
    claim: Claim
    halted: Halt | None = None
    usage: Usage = field(default_factory=Usage)
    said: str = ""
    last: Step | None = None
    check: Check | None = None
    notes: list[Note] = field(default_factory=list)
    workspace: Path | None = None  # once it is open
    pid: int = 0
    pid_started: float = 0.0
    _bell: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def tree(self) -> ProcessTree:
        """Every process that belongs to this attempt."""
        return ProcessTree(self.pid, self.pid_started, self.claim.marker, self.tools.host)

    def halt(self, reason: Halt) -> None:
        """End the attempt; what was done so far is kept.

        The first reason counts, except that a lost lease silences everything.
        """
        if self.halted is None or reason is Halt.LOST:
            self.halted = reason
        self._bell.set()

    async def carry_out(self) -> Ending:
        """Do the work; raises LostLease when nothing may be said about it any more."""
        began = monotonic()
        try:
            ending = await self._carried_out()
        except MabError as error:
            if isinstance(error, LostLease):
                raise
            failed = AgentResult(success=False, error=str(error), cause=cause_of(error))
            ending = Ending(self.halted, failed)
        spent = int((monotonic() - began) * 1000)
        return replace(ending, result=replace(ending.result, duration_ms=spent))

    async def _carried_out(self) -> Ending:
        view, policy = await self.tools.runs.brief(self.claim)
        if policy.get("lands"):
            return await bring(self.tools.workshop, view, policy, self.halted)
        if policy.get("approved"):
            return await self._publish(view, str(policy["approved"]))
        origin = await self.tools.runs.origin(self.claim)
        begin = await beginning(self.tools.workshop, view, policy, origin)
        if isinstance(begin, Conflict):
            return Ending(self.halted, AgentResult(success=False), view.work, asks=begin)
        bench = await self.tools.workshop.open(view, begin.onto)
        return await self._at(bench, Assignment(view, policy, begin))

    async def _at(self, bench: Bench, task: Assignment) -> Ending:
        """Work in an open worktree."""
        view = task.view
        self.workspace = bench.tree.path
        self.notes += await asyncio.to_thread(restrictions, self.tools.settings.agent.sandbox)
        begun = task.shown(self.tools.workshop.begun(bench, view, self.notes))
        await self.tools.runs.opened(self.claim, str(bench.tree.path), begun)
        async with self.tools.workshop.mounts.in_use(bench.tree.common_dir):
            result = await self._until_halted(self._work(task, bench), task.policy)
        if self.halted is Halt.LOST:
            raise LostLease(f"agent {self.claim.agent_id}, attempt {self.claim.attempt}")
        result, work = await self._bring_home(bench, task, result)
        taken = await self.tools.trays.take(view.id)
        work = replace(work, notes=(*self.notes, *work.notes, *taken.notes))
        return Ending(self.halted, result, work, taken.files, leave_for(result, work))

    async def _publish(self, view: NodeView, commit: str) -> Ending:
        """Push what somebody has approved; everything else was done before."""
        work = await self.tools.workshop.publish(view, commit)
        return Ending(self.halted, AgentResult(success=True, output=view.result), work)

    async def _bring_home(
        self, bench: Bench, task: Assignment, result: AgentResult
    ) -> tuple[AgentResult, Work]:
        """Commit what was done; what cannot be committed stays in the worktree."""
        view, keep = task.view, self.tools.workshop.keep
        try:
            work = Work() if task.plans else await keep(bench, view, self.check)
            if task.merges_only and result.success:
                work = await self.tools.workshop.whole(bench, view, work)
            if task.plans or self.halted is Halt.HANDOVER:
                await self.tools.workshop.discard(bench.tree.path)
        except MabError as error:
            log.exception("work not committed")
            failed = replace(result, success=False, error=str(error), cause=cause_of(error))
            return failed, task.shown(self.tools.workshop.begun(bench, view, ()))
        return result, work

    async def _until_halted(
        self, work: Coroutine[Any, Any, AgentResult], policy: Mapping[str, Any]
    ) -> AgentResult:
        """Run the work until it is done, somebody halts it, or its time is over."""
        working = asyncio.create_task(work)
        bell = asyncio.create_task(self._bell.wait())
        try:
            await asyncio.wait(
                {working, bell},
                timeout=float(policy["timeout_seconds"]),
                return_when=asyncio.FIRST_COMPLETED,
            )
            if working.done():
                return self._outcome(working)
            self.halt(Halt.TIMEOUT)
            return AgentResult(success=False, output=self.said, usage=self.usage)
        finally:
            bell.cancel()
            working.cancel()
            await processes.end(self.tree)
            await asyncio.wait({working}, timeout=RETURN_SECONDS)

    def _outcome(self, working: asyncio.Task[AgentResult]) -> AgentResult:
        """The result, or what went wrong on the way to it: the work is kept either way."""
        error = working.exception()
        if error is None:
            return working.result()
        if not isinstance(error, MabError):
            log.error("attempt failed unexpectedly", exc_info=error)
        return broken(error, self.said, self.usage)

    async def _work(self, task: Assignment, bench: Bench) -> AgentResult:
        if task.plans:
            return await self.tools.executor.run(await self._job(task, bench), self)
        repo = self.tools.settings.repos[task.view.repo]
        checks = self._checks(bench)
        if not task.merges_only:
            task = task.within(await self.tools.budgets.reserve(self.claim))
        if repo.setup:
            verdict = await checks.run(repo.setup)
            if not verdict.passed:
                return AgentResult(success=False, error=verdict.tail, cause=Cause.SETUP)
        if task.merges_only:
            result = AgentResult(success=True, output="Merged without conflicts.")
        else:
            result = await self.tools.executor.run(await self._job(task, bench), self)
        result, self.check = await checks.judge(result, task.check, repo.check)
        return result

    async def _job(self, task: Assignment, bench: Bench) -> Job:
        tools = self.tools
        given = await tools.runs.given(self.claim)
        if given.forgotten:
            self.notes.append(Note(NoteKind.SESSION_GONE))
        tray = await tools.trays.open(task.view.id, given.files, emptied=given.taken)
        return job(
            task,
            given,
            tray,
            Site(
                bench,
                self.claim.attempt,
                tools.confinement(bench, tray),
                {**self._environment(), **tools.model_environment},
                trusted=tools.settings.repos[task.view.repo].trusted,
            ),
        )

    def _environment(self) -> dict[str, str]:
        return {**self.tools.environment, processes.MARKER: self.claim.marker}

    def _checks(self, bench: Bench) -> Checks:
        walls = self.tools.confinement(bench)
        return Checks(Shell(bench.tree.path, walls, self._environment()))

    async def started(self, pid: int) -> None:
        """The agent's root process runs (engine.executor.Watch)."""
        self.pid, self.pid_started = pid, await asyncio.to_thread(processes.started_at, pid)
        await self._tell(self.tools.runs.started(self.claim, pid, self.pid_started))

    async def step(self, step: Step, usage: Usage) -> None:
        """The agent took a step (engine.executor.Watch)."""
        self.usage = usage
        if not step.tool:
            self.said = step.subject
        if step == self.last:  # the same step has used more
            await self._tell(self.tools.runs.used(self.claim, usage))
        else:
            await self._tell(self.tools.runs.step(self.claim, step, usage))
        self.last = step

    async def spoken(self) -> tuple[str, ...]:
        """What people have said to the agent (engine.executor.Watch)."""
        heard: list[str] = []

        async def listen() -> None:
            heard.extend(await self.tools.runs.spoken(self.claim))

        await self._tell(listen())
        return tuple(heard)

    async def _tell(self, telling: Coroutine[Any, Any, None]) -> None:
        """Speak with the ledger; that it cannot be reached does not disturb the agent."""
        try:
            await telling
        except LostLease:
            self.halt(Halt.LOST)
        except Exception as error:
            if not is_passing(error):
                raise
            log.warning("ledger not reached", agent=self.claim.agent_id, error=str(error))
