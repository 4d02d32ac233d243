"""What a worker writes about its runs; every word is fenced by the lease."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from engine import files
from engine.advance import move
from engine.clock import now
from engine.errors import LostLease
from engine.events import append
from engine.executor import AgentResult, Step, Usage
from engine.leases import Claim, Leases
from engine.models import Node, Run
from engine.reading import STEP, WORK, agent, facts
from engine.spec import File
from engine.states import Status
from engine.store import lock
from engine.verdicts import Halt, RunOutcome, Standing, Verdict, judge
from engine.views import AgentView, Work
from engine.workflows import Workflows


@dataclass(frozen=True)
class Ending:
    """How an attempt ended, as its worker saw it."""

    halt: Halt | None
    result: AgentResult
    work: Work = field(default_factory=Work)
    files: tuple[File, ...] = ()  # that the agent has left for people


@dataclass(frozen=True)
class Given:
    """What an agent gets beside its task."""

    said: str  # before it was asked for
    files: tuple[File, ...]
    taken: bool  # what the last attempt left for people is in the ledger


@dataclass(frozen=True)
class Runs:
    """The ledger's runs, as their worker writes them.

    `charged` is told what an ended run has used: repository, requester's id, usage.
    """

    workflows: Workflows
    leases: Leases
    charged: Callable[[str, str, Usage], None] = lambda *_: None

    async def brief(self, claim: Claim) -> tuple[AgentView, dict[str, Any]]:
        """What the agent has to do, and the policy that it does it under."""
        async with self.workflows.db.reading() as session:
            node = await session.get_one(Node, claim.agent_id)
            return await agent(session, claim.agent_id), node.policy

    async def given(self, claim: Claim) -> Given:
        """What the agent gets beside its task."""
        before = select(Run.outcome).where(
            Run.node_id == claim.agent_id, Run.attempt < claim.attempt
        )
        async with self.workflows.db.reading() as session:
            node = await session.get_one(Node, claim.agent_id)
            last = await session.scalar(before.order_by(Run.attempt.desc()).limit(1))
            came = await files.attached(session, claim.agent_id)
            return Given(node.context, came, last != RunOutcome.LOST)

    async def opened(self, claim: Claim, workspace: str, work: Work) -> None:
        """The workspace is ready; `work` says what is known before the work begins."""
        async with self._writing(claim, workspace=workspace) as session:
            node = await session.get_one(Node, claim.agent_id)
            node.branch, node.work = work.branch, WORK.dump_python(work, mode="json")
            append(session, node, "agent.opened", {"detail": work.branch})

    async def started(self, claim: Claim, pid: int, pid_started: float) -> None:
        """The agent's root process runs."""
        async with self.workflows.db.writing() as session:
            await self.leases.hold(session, claim, pid=pid, pid_started=pid_started)

    async def used(self, claim: Claim, usage: Usage) -> None:
        """The agent has used more than was known."""
        async with self.workflows.db.writing() as session:
            await self.leases.hold(session, claim, **_spent(usage))

    async def step(self, claim: Claim, step: Step, usage: Usage) -> None:
        """The agent took a step."""
        data = STEP.dump_python(step, mode="json")
        async with self._writing(claim, step=data, **_spent(usage)) as session:
            node = await session.get_one(Node, claim.agent_id)
            append(session, node, "agent.step", data)

    async def close(self, claim: Claim, ending: Ending) -> Verdict:
        """End the attempt and move its agent on; raises LostLease."""
        result = ending.result
        async with self.workflows.changing(claim.workflow_id) as session:
            node = await session.get_one(Node, claim.agent_id, with_for_update=True)
            if (node.attempt, node.status) != (claim.attempt, Status.ACTIVE):
                raise LostLease(f"agent {node.id} is at attempt {node.attempt}, {node.status}")
            cancelled = node.cancelled_by is not None
            standing = Standing(node.failures, node.max_failures, cancelled)
            verdict = judge(standing, ending.halt, result)
            ended = {"ended_at": now(), "outcome": verdict.outcome, "session_id": result.session_id}
            if ending.halt is not Halt.LOST:  # what a lost run had used was written at its steps
                ended |= {**_spent(result.usage), "duration_ms": result.duration_ms}
            await self.leases.hold(session, claim, **ended)
            files.hand_out(session, node.id, claim.attempt, ending.files)
            await move(session, node, verdict.status, **_moved(verdict, ending, node.failures))
            if verdict.outcome is RunOutcome.LOST and verdict.status is Status.PENDING:
                told: dict[str, Any] = {"agent": facts(await agent(session, node.id))}
                told["detail"] = ending.work.commit if ending.work.changed else ""
                append(session, node, "agent.taken_over", told, notify=True)
            used = await session.get_one(Run, claim.key, populate_existing=True)
            repo, person = node.repo, node.requested_by
        self.charged(repo, person, Usage(used.tokens_in, used.tokens_out, used.cost, used.turns))
        return verdict

    @asynccontextmanager
    async def _writing(self, claim: Claim, **values: Any) -> AsyncIterator[AsyncSession]:
        """One transaction on a run that shows on the card, and moves nothing."""
        async with self.workflows.db.writing() as session:
            workflow = await lock(session, claim.workflow_id)
            await self.leases.hold(session, claim, **values)
            yield session
            if workflow is not None:
                workflow.version += 1


def _spent(usage: Usage) -> dict[str, Any]:
    return {
        "tokens_in": usage.tokens_in,
        "tokens_out": usage.tokens_out,
        "cost": usage.cost,
        "turns": usage.turns,
    }


def _moved(verdict: Verdict, ending: Ending, failures: int) -> dict[str, Any]:
    """What the node keeps of an attempt."""
    result, work = ending.result, ending.work
    return {
        "failures": failures + verdict.counts,
        "available_at": now(verdict.delay),
        "result": result.output,
        "error": result.error,
        "cause": verdict.cause,
        # An attempt that got no worktree takes nothing from what earlier ones did.
        **({"work": WORK.dump_python(work, mode="json")} if work.branch else {}),
        **({"branch": work.branch} if work.branch else {}),
        **({"commit_sha": work.commit} if work.commit else {}),
    }
