"""What people say to agents: to one that works, or to go on with one that has ended."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from engine import proposals
from engine.audit import Act, Did, note
from engine.commands import answer, settle
from engine.errors import NotFound
from engine.events import append
from engine.models import Message, Node, Run, SessionEntry
from engine.policy import ONCE, Policy, sessions_of, without
from engine.reading import WORK
from engine.requests import Wish, accept, know
from engine.states import TERMINAL, Kind, Status
from engine.views import Work
from engine.workflows import Workflows


class Became(StrEnum):
    """What became of something that was said to an agent."""

    INSTRUCTION = "instruction"  # the agent gets it at its next step, or when it begins
    FOLLOW_UP = "follow_up"  # a new agent goes on where this one ended


@dataclass(frozen=True)
class Said:
    """What was said to an agent became this."""

    became: Became
    agent_id: int  # who gets it


@dataclass(frozen=True)
class Talk:
    """The verbs of speaking to agents."""

    workflows: Workflows

    async def say(self, agent_id: int, text: str, wish: Wish) -> Said:
        """Give an agent an instruction, or go on with one that has ended.

        What continues an agent is spoken to in its place. Raises NotFound.
        """
        async with self.workflows.changing_agent(agent_id, wish) as (session, node):
            await know(session, wish.by)
            tail = await _tail(session, node)
            act = Act(Did.SAID, wish.by.id, wish.key, text)
            if tail.status in TERMINAL:
                following = await continue_with(session, tail, act)
                said = Said(Became.FOLLOW_UP, following.id)
            else:
                key = wish.key or None
                session.add(Message(node_id=tail.id, author=wish.by.id, text=text, key=key))
                said = Said(Became.INSTRUCTION, tail.id)
            note(session, act, tail)
            outcome = f"{said.became} {said.agent_id}"
            await answer(session, wish.key, outcome, wish.reply(said.agent_id))
            return said

    async def reword(self, said: str, text: str, wish: Wish) -> bool:
        """Change an instruction that no run was given yet; False when it is too late for that.

        `said` is the key of the command that brought it.
        """
        changing = update(Message).where(Message.key == said, Message.taken_by.is_(None))
        mine = changing.where(Message.author == wish.by.id)
        async with self.workflows.db.writing() as session:
            await settle(session, wish.key)
            changed = await session.execute(mine.values(text=text).returning(Message.id))
            done = changed.one_or_none() is not None
            await answer(session, wish.key, "reworded" if done else "ignored", None)
            return done


async def _tail(session: AsyncSession, node: Node) -> Node:
    """The last of those who continue an agent one after the other."""
    if node.kind is not Kind.AGENT:
        raise NotFound(f"there is no agent {node.id}")
    while node.status in TERMINAL and (following := await _following(session, node)):
        node = following
    return node


async def _following(session: AsyncSession, node: Node) -> Node | None:
    """The last that continues an agent; not one that went on with work it has begun anew since."""
    continues = select(Node).where(Node.parent_id == node.id)
    if node.branch:
        continues = continues.where(Node.branch == node.branch)
    last = continues.order_by(Node.id.desc()).limit(1).with_for_update()
    return (await session.scalars(last)).one_or_none()


async def continue_with(session: AsyncSession, before: Node, said: Act) -> Node:
    """A new agent that goes on with the branch and the session of one that has ended.

    One whose plan waits proposes another version of it.
    """
    request, context = await proposals.again(session, before) or (
        await accept(session, before.workflow_id, "follow_up", said, said.detail),
        "",
    )
    node = Node(
        workflow_id=before.workflow_id,
        request_id=request.id,
        parent_id=before.id,
        role=before.role,
        task=said.detail,
        context=context,
        repo=before.repo,
        base=before.base,
        requested_by=said.by,
        max_failures=before.max_failures,
        policy={**_plain(before), Policy.PROJECT: sessions_of(before.id, before.policy)},
        branch=before.branch,
        commit_sha=before.commit_sha,
        work=_onward(before),
    )
    session.add(node)
    await session.flush()
    append(session, node, "agent.spawned")
    return node


def _plain(node: Node) -> dict[str, Any]:
    """The policy without what was decided about that one run."""
    once = ONCE if proposals.plans(node) else ONCE | {Policy.READS_ONLY}
    return without(node.policy, once)


def _onward(node: Node) -> dict[str, object] | None:
    """What is known of the work before it is gone on with."""
    if not node.branch or not node.commit_sha:
        return None
    before = WORK.validate_python(node.work) if node.work else Work()
    begun = Work(
        branch=node.branch,
        base_commit=node.commit_sha,
        commit=node.commit_sha,
        remote_commit=before.remote_commit,
    )
    return WORK.dump_python(begun, mode="json")  # type: ignore[no-any-return]


async def session_of(session: AsyncSession, node: Node) -> str:
    """The session that an agent goes on with, if its transcript is kept; else ""."""
    if node.parent_id is None:
        return ""
    known = (
        select(Run.session_id)
        .where(Run.node_id == node.parent_id, Run.session_id != "")
        .order_by(Run.attempt.desc())
        .limit(1)
    )
    kept = select(SessionEntry.session_id).where(
        SessionEntry.project_key == sessions_of(node.id, node.policy),
        SessionEntry.session_id == known.scalar_subquery(),
    )
    return await session.scalar(kept.limit(1)) or ""


async def give_back(session: AsyncSession, node: Node, unheard: int) -> None:
    """The last few texts that an attempt was given did not reach the model."""
    if unheard:
        given = select(Message.id).where(
            Message.node_id == node.id, Message.taken_by == node.attempt
        )
        last = list(await session.scalars(given.order_by(Message.id.desc()).limit(unheard)))
        again = update(Message).where(Message.id.in_(last))
        await session.execute(again.values(taken_by=None))


async def give_again(session: AsyncSession, node: Node) -> None:
    """The next attempt is given what was said to this one, which did not end its work."""
    lost = update(Message).where(Message.node_id == node.id, Message.taken_by == node.attempt)
    await session.execute(lost.values(taken_by=None))


async def follow_leftovers(session: AsyncSession, node: Node) -> None:
    """What was said to an agent while it completed is a follow-up."""
    if node.status is not Status.COMPLETED:
        return
    untaken = select(Message).where(Message.node_id == node.id, Message.taken_by.is_(None))
    left = list(await session.scalars(untaken.order_by(Message.id)))
    if not left:
        return
    text = "\n\n".join(message.text for message in left)
    await continue_with(session, node, Act(Did.SAID, left[-1].author, detail=text))
    for message in left:
        message.taken_by = node.attempt
