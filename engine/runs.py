"""What a worker writes about its runs; every word is fenced by the lease."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from engine import files, graphs, inquiries, proposals, reading, settling, talk
from engine.advance import move
from engine.clock import now
from engine.endings import tell_failure
from engine.errors import LostLease
from engine.events import append, tell
from engine.executor import AgentResult, Step, Usage
from engine.failpoints import Failpoint, reached
from engine.givens import Given, given
from engine.inquiries import Asking
from engine.leases import Claim, Leases
from engine.masking import Mask
from engine.matters import Failure, Matter
from engine.models import Message, Node, Request, Run
from engine.notices import Heard, TakenOver
from engine.reading import STEP, WORK, agent
from engine.settling import Resume
from engine.spec import File
from engine.states import TERMINAL, OnFailure, Status
from engine.store import lock
from engine.verdicts import Halt, RunOutcome, Standing, Verdict, judge
from engine.views import Handed, NodeView, Work
from engine.workflows import Workflows


@dataclass(frozen=True)
class Ending:
    """How an attempt ended, as its worker saw it."""

    halt: Halt | None
    result: AgentResult
    work: Work = field(default_factory=Work)
    files: tuple[File, ...] = ()  # that the agent has left for people
    asks: Matter | None = None  # what people have to decide before it goes on

    def masked(self, mask: Mask) -> "Ending":
        """The same, with no secret in what the agent said and left for people."""
        said, check = self.result, self.work.check
        output, error = mask.text(said.output), mask.text(said.error)
        return replace(
            self,
            result=replace(said, output=output, error=error, data=mask.data(said.data)),
            work=replace(self.work, check=check and replace(check, tail=mask.text(check.tail))),
            files=tuple(replace(file, content=mask.content(file.content)) for file in self.files),
        )


@dataclass(frozen=True)
class Runs:
    """The ledger's runs, as their worker writes them.

    `charged` is told what an ended run has used: repository, requester's id, usage.
    """

    workflows: Workflows
    leases: Leases
    charged: Callable[[str, str, Usage], None] = lambda *_: None

    async def brief(self, claim: Claim) -> tuple[NodeView, dict[str, Any], tuple[Handed, ...]]:
        """What the agent has to do, the policy that it does it under, and what it begins from.

        That is the work of the nodes that it needs, or continues.
        """
        async with self.workflows.db.reading() as session:
            node = await session.get_one(Node, claim.agent_id)
            view = await agent(session, claim.agent_id)
            return view, node.policy, tuple(await reading.behind(session, claim.agent_id))

    async def given(self, claim: Claim) -> Given:
        """What the agent gets beside its task."""
        advice = await self.spoken(claim)
        resume = await self._resumed(claim)
        async with self.workflows.db.reading() as session:
            return await given(session, claim, advice, resume)

    async def _resumed(self, claim: Claim) -> Resume | None:
        """Where the agent's own session waited; what became of its calls is given only once."""
        async with self.workflows.db.reading() as session:
            node = await session.get_one(Node, claim.agent_id)
        resume = settling.of(node.policy)
        if resume is None or resume.given_to is not None:
            return resume and replace(resume, calls=())
        async with self._writing(claim) as session:
            node = await session.get_one(Node, claim.agent_id, with_for_update=True)
            node.policy = settling.noted(node.policy, resume.given(claim.attempt))
        reached(Failpoint.AFTER_CALLS_GIVEN)
        return resume

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

    async def spoken(self, claim: Claim) -> tuple[str, ...]:
        """What people have said to the agent and no attempt was given yet; it is given now."""
        waiting = select(Message.id).where(
            Message.node_id == claim.agent_id, Message.taken_by.is_(None)
        )
        async with self.workflows.db.reading() as session:
            if (await session.scalars(waiting.limit(1))).first() is None:
                return ()  # the rule, and it takes no write lock
        taking = update(Message).where(Message.id.in_(waiting)).values(taken_by=claim.attempt)
        async with self._writing(claim) as session:
            taken = sorted(await session.scalars(taking.returning(Message)), key=lambda m: m.id)
            if keys := tuple(message.key for message in taken if message.key):
                tell(session, claim.workflow_id, Heard(keys))
            return tuple(message.text for message in taken)

    async def close(self, claim: Claim, ending: Ending) -> Verdict:
        """End the attempt and move its agent on; raises LostLease."""
        reached(Failpoint.BEFORE_FINISH)
        async with self.workflows.changing(claim.workflow_id) as session:
            node = await session.get_one(Node, claim.agent_id, with_for_update=True)
            if (node.attempt, node.status) != (claim.attempt, Status.ACTIVE):
                raise LostLease(f"agent {node.id} is at attempt {node.attempt}, {node.status}")
            result, proposal = proposals.judged(node, ending.result)
            ending = replace(ending, result=result)
            verdict = judge(_standing(node, ending), ending.halt, result)
            ended = {"ended_at": now(), "outcome": verdict.outcome, "reserved": 0}
            ended |= {"session_id": result.session_id}
            if ending.halt is not Halt.LOST:  # what a lost run had used was written at its steps
                ended |= {**_spent(result.usage), "duration_ms": result.duration_ms}
            await self.leases.hold(session, claim, **ended)
            files.hand_out(session, node.id, claim.attempt, ending.files)
            await talk.give_back(session, node, result.unheard)
            await self._move(session, node, verdict, ending)
            if proposal is not None and verdict.status is Status.COMPLETED:
                await proposals.put(session, node, proposal)
            if verdict.status in TERMINAL:
                await talk.follow_leftovers(session, node)
            used = await session.get_one(Run, claim.key, populate_existing=True)
            repo, person = node.repo, node.requested_by
            reached(Failpoint.BEFORE_FINISH_COMMIT)
        reached(Failpoint.AFTER_FINISH_COMMIT)
        self.charged(repo, person, Usage(used.tokens_in, used.tokens_out, used.cost, used.turns))
        return verdict

    async def _move(
        self, session: AsyncSession, node: Node, verdict: Verdict, ending: Ending
    ) -> None:
        """Move an agent to where the verdict sends it, and do what that means."""
        redo = node.redo and verdict.status is Status.PENDING
        asks = ending.asks
        request = await session.get_one(Request, node.request_id)
        if verdict.status is Status.FAILED and node.key and request.on_failure is OnFailure.ASK:
            verdict, asks = replace(verdict, status=Status.WAITING), Failure(ending.result.error)
        await move(session, node, verdict.status, **_moved(verdict, ending, node.failures))
        match verdict.status:
            case Status.PENDING:
                await talk.give_again(session, node)
                await _take_back(session, node)
                if redo:
                    await graphs.reset(session, [node.id])
                    await graphs.forget_work(session, [node.id])
            case Status.WAITING if asks is not None:
                asking = Asking(asks, node.workflow_id, node.request_id, node)
                await inquiries.ask(session, asking)
            case Status.FAILED | Status.CANCELLED:
                await proposals.pass_over(session, node)
                await tell_failure(session, node)
        if verdict.outcome is RunOutcome.LOST and verdict.status is Status.PENDING:
            saved = ending.work.commit if ending.work.changed else ""
            lost = TakenOver(await agent(session, node.id), saved)
            tell(session, node.workflow_id, lost, node)

    @asynccontextmanager
    async def _writing(self, claim: Claim, **values: Any) -> AsyncIterator[AsyncSession]:
        """One transaction on a run that shows on the card, and moves nothing."""
        async with self.workflows.db.writing() as session:
            workflow = await lock(session, claim.workflow_id)
            await self.leases.hold(session, claim, **values)
            yield session
            if workflow is not None:
                workflow.version += 1


def _standing(node: Node, ending: Ending) -> Standing:
    return Standing(
        node.failures,
        node.max_failures,
        cancelled=node.cancelled_by is not None,
        redo=node.redo,
        asks=ending.asks is not None,
    )


async def _take_back(session: AsyncSession, node: Node) -> None:
    """What became of waiting calls is given again if the attempt did not start to go on."""
    resume = settling.of(node.policy)
    run = await session.get_one(Run, (node.id, node.attempt))
    if resume and resume.given_to == node.attempt and run.pid is None:
        node.policy = settling.noted(node.policy, resume.taken_back())


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
        "data": result.data if isinstance(result.data, dict) else None,
        "error": result.error,
        "cause": verdict.cause,
        # An attempt that got no worktree takes nothing from what earlier ones did.
        **({"work": WORK.dump_python(work, mode="json")} if work.branch else {}),
        **({"branch": work.branch} if work.branch else {}),
        **({"commit_sha": work.commit} if work.commit else {}),
    }
