"""Whether anything is due for a worker: one question each second, in the place of four.

It is made once: to make a statement takes longer than to have it answered.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import bindparam, or_, select

from engine.clock import now
from engine.models import Brake, Node, Run
from engine.states import Kind, Status
from engine.store import Database

PENDING = select(Node.id).where(
    Node.status == Status.PENDING,
    Node.kind == Kind.AGENT,
    Node.available_at <= now(),
    Node.repo.in_(bindparam("repos", expanding=True)),
    ~select(Brake.id).exists(),
)
LOST = select(Run.node_id).where(Run.ended_at.is_(None), Run.lease_until < now())
CANCELLED = select(Node.id).where(
    Node.status == Status.ACTIVE,
    or_(Node.cancelled_by.is_not(None), Node.redo),
    Node.id.in_(bindparam("agents", expanding=True)),
)
BRAKED = select(Brake.id).where(Brake.ends_runs)
DUE = select(
    PENDING.exists().label("pending"),
    LOST.exists().label("lost"),
    CANCELLED.exists().label("cancelled"),
    BRAKED.exists().label("braked"),
)


@dataclass(frozen=True)
class Due:
    """What a worker finds to do; each is then looked at in full."""

    pending: bool  # agents of its repositories may be claimed
    lost: bool  # leases are over, perhaps its own
    cancelled: bool  # somebody asked to stop agents of its own
    braked: bool  # running agents are to end now, to be gone on with later


async def due(db: Database, agents: Iterable[int], repos: Sequence[str]) -> Due:
    """What there is to do for a worker that runs these agents and offers these repositories."""
    given = {"agents": list(agents), "repos": list(repos)}
    async with db.reading() as session:
        found = (await session.execute(DUE, given)).one()
    return Due(*map(bool, found))
