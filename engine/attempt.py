"""One attempt of an agent in this process, from its worktree to its commit."""

import asyncio
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from time import monotonic
from typing import Any

import structlog

from engine import processes, settling
from engine.assignments import Assignment, Site, broken, cause_of, job
from engine.beginnings import beginning
from engine.bringing import bring
from engine.checks import Checks
from engine.equipment import Tools
from engine.errors import LostLease, MabError
from engine.executor import AgentResult, Job
from engine.failpoints import Failpoint, reached
from engine.leases import Claim
from engine.matters import Conflict, Matter
from engine.policy import Policy
from engine.processes import ProcessTree
from engine.runs import Ending
from engine.sandbox import Shell, restrictions
from engine.states import Cause
from engine.store import is_away, patiently
from engine.verdicts import Halt, leave_for
from engine.views import Check, NodeView, Note, NoteKind, Work
from engine.watching import Watching
from engine.workshop import Bench

RETURN_SECONDS = 8.0  # for an executor to return once its processes are gone
log = structlog.get_logger()


@dataclass
class Attempt:
    """A claimed run that this process carries out."""

    tools: Tools
    claim: Claim
    halted: Halt | None = None
    check: Check | None = None
    notes: list[Note] = field(default_factory=list)
    workspace: Path | None = None  # once it is open
    _bell: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.seen = Watching(self.tools, self.claim, lambda: self.halt(Halt.LOST))

    @property
    def tree(self) -> ProcessTree:
        """Every process that belongs to this attempt."""
        return self.seen.tree

    def halt(self, reason: Halt) -> None:
        """End the attempt; what was done so far is kept.

        The first reason counts, except that a lost lease silences everything.
        """
        if self.halted is None or reason is Halt.LOST:
            self.halted = reason
        self.tools.model.refuse(self.claim.marker)
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
        timed = replace(ending, result=replace(ending.result, duration_ms=spent))
        return timed.masked(self.tools.mask)

    async def _carried_out(self) -> Ending:
        view, policy, origin = await patiently(self.tools.runs.brief, self.claim)
        if policy.get(Policy.LANDS):
            return await bring(self.tools.workshop, view, policy, self.halted)
        if policy.get(Policy.APPROVED):
            return await self._publish(view, str(policy[Policy.APPROVED]))
        begin = await beginning(self.tools.workshop, view, policy, origin)
        if isinstance(begin, Conflict):
            return Ending(self.halted, AgentResult(success=False), view.work, asks=begin)
        bench = await self.tools.workshop.open(view, begin.onto)
        reached(Failpoint.AFTER_WORKTREE_ADD)
        return await self._at(bench, Assignment(view, policy, begin))

    async def _at(self, bench: Bench, task: Assignment) -> Ending:
        """Work in an open worktree."""
        view = task.view
        self.workspace = bench.tree.path
        self.notes += await asyncio.to_thread(restrictions, self.tools.settings.agent.sandbox)
        begun = task.shown(self.tools.workshop.begun(bench, view, self.notes))
        await patiently(self.tools.runs.opened, self.claim, str(bench.tree.path), begun)
        async with self.tools.workshop.mounts.in_use(bench.tree.common_dir):
            result = await self._until_halted(self._work(task, bench), task.policy)
        if self.halted is Halt.LOST:
            raise LostLease(f"agent {self.claim.agent_id}, attempt {self.claim.attempt}")
        result, work = await self._bring_home(bench, task, result)
        taken = await self.tools.trays.take(view.id)
        work = replace(work, notes=(*self.notes, *work.notes, *taken.notes))
        asks = await self._asks(result, work, bench.tree.path)
        return Ending(self.halted, result, work, taken.files, asks)

    async def _asks(self, result: AgentResult, work: Work, place: Path) -> Matter | None:
        """What people have to decide before the agent goes on, or its work leaves."""
        if result.cause is Cause.BUDGET:
            return await self.tools.budgets.asks(self.claim, result.usage)
        real = await asyncio.to_thread(place.resolve)  # as the executor has seen it
        return settling.matter(result, real) or leave_for(result, work)

    async def _publish(self, view: NodeView, commit: str) -> Ending:
        """Push what somebody has approved; everything else was done before."""
        work = await self.tools.workshop.publish(view, commit)
        return Ending(self.halted, AgentResult(success=True, output=view.result), work)

    async def _bring_home(
        self, bench: Bench, task: Assignment, result: AgentResult
    ) -> tuple[AgentResult, Work]:
        """Commit what was done; what cannot be committed stays in the worktree."""
        view, keep = task.view, self.tools.workshop.keep
        reached(Failpoint.BEFORE_CHECKPOINT)
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
                timeout=float(policy[Policy.TIMEOUT]),
                return_when=asyncio.FIRST_COMPLETED,
            )
            if working.done():
                return self._outcome(working)
            self.halt(Halt.TIMEOUT)
            used = self.tools.model.used(self.claim.marker, self.seen.usage)
            return AgentResult(success=False, output=self.seen.said, usage=used)
        finally:
            bell.cancel()
            working.cancel()
            await processes.end(self.tree)
            await asyncio.wait({working}, timeout=RETURN_SECONDS)

    def _outcome(self, working: asyncio.Task[AgentResult]) -> AgentResult:
        """The result, or what went wrong on the way to it: the work is kept either way.

        Raises LostLease.
        """
        error = working.exception()
        if error is None:
            return working.result()
        if isinstance(error, LostLease):
            raise error
        if is_away(error):  # before the agent began: what is told of it later can wait
            self.halt(Halt.HANDOVER)
        elif not isinstance(error, MabError):
            log.error("attempt failed unexpectedly", exc_info=error)
        return broken(error, self.seen.said, self.seen.usage)

    async def _work(self, task: Assignment, bench: Bench) -> AgentResult:
        if not task.merges_only:
            self.seen.gauge.most = await self.tools.budgets.reserve(self.claim)
            task = task.within(self.seen.gauge.most)
        if task.plans:
            return await self._execute(task, bench)
        repo = self.tools.settings.repos[task.view.repo]
        checks = self._checks(bench)
        if repo.setup:
            verdict = await checks.run(repo.setup)
            if not verdict.passed:
                return AgentResult(success=False, error=verdict.tail, cause=Cause.SETUP)
        if task.merges_only:
            result = AgentResult(success=True, output="Merged without conflicts.")
        else:
            result = await self._execute(task, bench)
        result, self.check = await checks.judge(result, task.check, repo.check)
        return result

    async def _execute(self, task: Assignment, bench: Bench) -> AgentResult:
        job = await self._job(task, bench)
        result = await self.tools.executor.run(job, self.seen)
        used = self.tools.model.used(self.claim.marker, result.usage)  # the CLI may have crashed
        result = replace(result, usage=used)
        if job.session_id and result.session_id not in ("", job.session_id):
            self.notes.append(Note(NoteKind.SESSION_GONE))
        return result

    async def _job(self, task: Assignment, bench: Bench) -> Job:
        tools = self.tools
        given = await tools.runs.given(self.claim)
        if given.forgotten:
            self.notes.append(Note(NoteKind.SESSION_GONE))
        if task.view.attached > len(given.files):
            self.notes.append(Note(NoteKind.FILES_GONE))
        tray = await tools.trays.open(task.view.id, given.files, emptied=given.taken)
        return job(
            task,
            given,
            tray,
            Site(
                bench,
                self.claim.attempt,
                tools.confinement(bench, tray),
                {**self._environment(), **tools.model.environment(self.claim.marker)},
                trusted=tools.settings.repos[task.view.repo].trusted,
                ask=tools.settings.agent.ask,
            ),
        )

    def _environment(self) -> dict[str, str]:
        return {**self.tools.environment, processes.MARKER: self.claim.marker}

    def _checks(self, bench: Bench) -> Checks:
        walls = self.tools.confinement(bench)
        return Checks(Shell(bench.tree.path, walls, self._environment()))
