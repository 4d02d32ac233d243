"""What an attempt of an agent is given beside its task, as the ledger knows it."""

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from engine import files, reading, talk
from engine.executor import Settled
from engine.leases import Claim
from engine.models import Node, Run
from engine.policy import Policy, sessions_of
from engine.settling import Resume
from engine.spec import File
from engine.verdicts import RunOutcome
from engine.views import Handed


@dataclass(frozen=True)
class Given:
    """What an agent gets beside its task."""

    said: str  # before it was asked for
    files: tuple[File, ...]
    taken: bool  # what the last attempt left for people is in the ledger
    advice: tuple[str, ...] = ()  # what people said to it since
    before: tuple[Handed, ...] = ()  # what the nodes that it needs, or continues, hand on
    session_id: str = ""  # of the agent that it continues
    project: str = ""  # under which its sessions are stored
    forgotten: bool = False  # that agent had a session, and it is not kept any more
    settled: tuple[Settled, ...] | None = None  # its own session waited for these; None: it begins
    allowed: tuple[str, ...] = ()  # what people let this agent do


async def given(
    session: AsyncSession, claim: Claim, advice: tuple[str, ...], resume: Resume | None
) -> Given:
    """What an attempt is given; `resume` says where the session of its agent waited."""
    node = await session.get_one(Node, claim.agent_id)
    before = select(Run.outcome).where(Run.node_id == node.id, Run.attempt < claim.attempt)
    last = await session.scalar(before.order_by(Run.attempt.desc()).limit(1))
    known = resume.session if resume else await talk.session_of(session, node)
    return Given(
        node.context,
        await files.attached(session, node.id),
        last != RunOutcome.LOST,
        advice,
        tuple(await reading.behind(session, node.id)),
        known,
        sessions_of(node.id, node.policy),
        forgotten=not known and await _has_spoken(session, node.parent_id),
        settled=resume.calls if resume else None,
        allowed=tuple(node.policy.get(Policy.ALLOWED, ())),
    )


async def _has_spoken(session: AsyncSession, agent_id: int | None) -> bool:
    """Whether an agent has had a session."""
    spoken = select(Run.attempt).where(Run.node_id == agent_id, Run.session_id != "").limit(1)
    return agent_id is not None and await session.scalar(spoken) is not None
