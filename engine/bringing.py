"""Bringing work into the branch that everybody starts from, once people have approved it.

It is a node of its own, which no model works on: people decide about exactly one commit, then a
worker lands that commit. Retrying it asks people anew.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, assert_never

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from engine import bases, inquiries
from engine.commands import answer
from engine.errors import StaleMove
from engine.events import append
from engine.executor import AgentResult
from engine.inquiries import Asking
from engine.landings import Landed, Refusal, Refused
from engine.matters import Merge
from engine.models import Node
from engine.nodes import agent_node
from engine.policy import Policy
from engine.reading import WORK
from engine.requests import Wish, know, open_request
from engine.runs import Ending
from engine.spec import AgentSpec
from engine.states import TERMINAL, Cause, Kind, Status
from engine.verdicts import Halt
from engine.views import NodeView, Work
from engine.votes import Inquiry
from engine.workflows import Workflows
from engine.workshop import Workshop

ROLE = "merge"
SHOWN = 10  # digits of a commit


@dataclass(frozen=True)
class Bringing:
    """The verb that asks people whether work may go into the base branch."""

    workflows: Workflows

    async def ask(self, agent_id: int, commit: str, wish: Wish) -> Inquiry:
        """Ask whether the commit that an agent left may go into its base branch.

        Raises NotFound; StaleMove when the agent's work is another commit by now, cannot be
        merged, or was merged or asked about already, with a sentence that says so.
        """
        async with self.workflows.changing_agent(agent_id, wish) as (session, node):
            await know(session, wish.by)
            work = await _current(session, node, commit)
            await _refuse_repetition(session, node, commit)
            merge = Merge(commit, work.onto, agent_id)
            asked = await self._put(session, node, merge, wish)
            await answer(session, wish.key, f"merge {agent_id}", wish.reply(agent_id))
            return asked

    async def _put(self, session: AsyncSession, node: Node, merge: Merge, wish: Wish) -> Inquiry:
        task = f"Merge the work of agent {node.id} into {merge.onto}"
        request = await open_request(session, node.workflow_id, ROLE, wish, task)
        spec = AgentSpec(task, role=ROLE, repo=node.repo, base=node.base)
        landing = agent_node(spec, request, self.workflows.settings)
        landing.status = Status.WAITING
        landing.policy = {
            **landing.policy,
            Policy.LANDS: merge.commit,
            Policy.ONTO: merge.onto,
            Policy.OF: node.id,
        }
        session.add(landing)
        await session.flush()
        append(session, landing, "agent.spawned")
        return await inquiries.ask(session, Asking(merge, node.workflow_id, request.id, landing))


async def _current(session: AsyncSession, node: Node, commit: str) -> Work:
    """The work of a node, if it is this commit and can go into a base branch."""
    work = WORK.validate_python(node.work) if node.work else Work()
    if node.status is not Status.COMPLETED:
        raise StaleMove(f"agent {node.id} is {node.status} by now, so there is nothing to merge")
    if work.commit != commit:
        raise StaleMove(
            f"the work of agent {node.id} is commit {work.commit[:SHOWN]} by now, not "
            f"{commit[:SHOWN]}; press Merge below its last message"
        )
    if not work.onto:
        raise StaleMove(f"the work of agent {node.id} cannot be merged into a branch from here")
    later = select(Node.id, Node.commit_sha).where(
        Node.workflow_id == node.workflow_id, Node.branch == work.branch, Node.id > node.id
    )
    for number, tip in await session.execute(later.order_by(Node.id.desc())):
        if tip not in {"", commit}:
            raise StaleMove(
                f"the branch has moved on: agent {number} went on with the work of agent "
                f"{node.id}; press Merge below its message"
            )
    return work


async def _refuse_repetition(session: AsyncSession, node: Node, commit: str) -> None:
    """Raise StaleMove for what was merged, or waits to be."""
    mine = select(Node).where(
        Node.workflow_id == node.workflow_id, Node.role == ROLE, Node.kind == Kind.AGENT
    )
    for other in await session.scalars(mine.order_by(Node.id)):
        if other.policy.get(Policy.LANDS) != commit:
            continue
        onto = other.policy[Policy.ONTO]
        if other.status is Status.COMPLETED:
            raise StaleMove(f"this commit was merged into {onto} already, by agent {other.id}")
        if other.status not in TERMINAL:
            raise StaleMove(f"somebody asked already to merge this commit; agent {other.id} does")


async def bring(
    workshop: Workshop, view: NodeView, policy: Mapping[str, Any], halted: Halt | None
) -> Ending:
    """Land the commit that was approved; what was not approved is asked about."""
    commit, onto = str(policy[Policy.LANDS]), str(policy[Policy.ONTO])
    if policy.get(Policy.APPROVED) != commit:
        merge = Merge(commit, onto, int(policy.get(Policy.OF, 0)))
        return Ending(halted, AgentResult(success=False), asks=merge)
    repo = await workshop.repos.open(view.repo)
    await bases.brought(repo, commit)  # it may have been made on another host
    match await workshop.landings.into_base(repo, onto, commit, message=view.task):
        case Landed(tip):
            said = f"Merged {commit[:SHOWN]} into {onto}, which is at {tip[:SHOWN]} now."
            return Ending(halted, AgentResult(success=True, output=said))
        case Refused() as refused:
            why = AgentResult(success=False, error=_why(refused, onto), cause=Cause.NOT_MERGED)
            return Ending(halted, why)


def _why(refused: Refused, onto: str) -> str:
    """Why a commit did not go into a branch, and what to do."""
    match refused.why:
        case Refusal.CONFLICT:
            return (
                f"It conflicts with what is in {onto} by now: {', '.join(refused.files)}. Tell the "
                f"agent in this thread to merge {onto} and to resolve that, then merge its work."
            )
        case Refusal.MOVED:
            return f"{onto} moved to {refused.now[:SHOWN]} at that moment. Press Retry."
        case Refusal.CHECKED_OUT:
            return (
                f"{onto} is checked out in {refused.detail}, where somebody may be working. "
                f"Type there:\n{refused.command}"
            )
        case Refusal.NO_BRANCH:
            return f"There is no branch {onto} to merge into."
        case Refusal.NOT_PUSHED:
            return f"Pushing is off for this repository. Type:\n{refused.command}"
        case Refusal.REMOTE:
            return f"The remote did not take it: {refused.detail}"
        case other:
            assert_never(other)
