"""Who owns which run: claims, renewals, take-overs. The fence of every worker's word.

A run belongs to the worker that its row names until it has ended. Taking over a lost run is a
change of that name, so a late worker finds out at its next word, whatever the clock says.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from sqlalchemy import delete, insert, literal, or_, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncSession

from engine import setback
from engine.clock import now
from engine.errors import ConfigError, LostLease
from engine.failpoints import Failpoint, reached
from engine.models import Brake, Node, Run, Worker
from engine.states import Kind, Status
from engine.store import Database

RunKey = tuple[int, int]  # agent, attempt
ONE_HOST = (
    "workers of several hosts cannot share an SQLite file; "
    "set DATABASE_URL to a PostgreSQL database (postgresql://…) on all of them, "
    "or, if the other one has crashed, start this one again in two minutes"
)


@dataclass(frozen=True)
class Claim:
    """An attempt that this worker has to carry out."""

    agent_id: int
    attempt: int
    workflow_id: int
    marker: str

    @property
    def key(self) -> RunKey:
        """What identifies the run."""
        return self.agent_id, self.attempt


@dataclass(frozen=True)
class LostRun(Claim):
    """A run whose owner has not been heard of for a lease, now ours to close."""

    host: str
    pid: int | None
    pid_started: float | None
    workspace: str


@dataclass(frozen=True)
class Offer:
    """What a worker offers, and the process that it is."""

    slots: int
    repos: tuple[str, ...]
    version: str
    pid: int
    pid_started: float


@dataclass(frozen=True)
class Neighbour:
    """Another worker of this host: its process can be looked at."""

    worker: str
    pid: int
    pid_started: float


@dataclass(frozen=True)
class Leases:
    """The leases of one worker."""

    db: Database
    worker: str  # unique per process start
    host: str
    seconds: float

    async def register(self, offer: Offer) -> None:
        """Make this worker known; raises ConfigError for a second host on SQLite."""
        async with self.db.writing() as session:
            await setback.mend(session, self.seconds)
            elsewhere = select(Worker.host).where(Worker.host != self.host)
            alive = elsewhere.where(Worker.seen_at > now(-2 * self.seconds))
            if self.db.is_sqlite and (await session.scalars(alive.limit(1))).first() is not None:
                raise ConfigError(ONE_HOST)
            row = {**vars(offer), "repos": list(offer.repos), "id": self.worker, "host": self.host}
            await session.execute(insert(Worker).values(row))

    async def heard_of(self, host: str) -> bool:
        """Whether a worker of that host has said something within two leases."""
        seen = (Worker.host == host, Worker.seen_at > now(-2 * self.seconds))
        async with self.db.reading() as session:
            return await session.scalar(select(Worker.id).where(*seen).limit(1)) is not None

    async def neighbours(self) -> list[Neighbour]:
        """The other workers of this host."""
        beside = select(Worker).where(Worker.host == self.host, Worker.id != self.worker)
        async with self.db.reading() as session:
            return [Neighbour(w.id, w.pid, w.pid_started) for w in await session.scalars(beside)]

    async def bury(self, worker: str) -> None:
        """A worker of this host is dead: its leases are over now."""
        theirs = update(Run).where(Run.worker == worker, Run.ended_at.is_(None))
        async with self.db.writing() as session:
            await session.execute(theirs.values(lease_until=now(-1)))
            await session.execute(delete(Worker).where(Worker.id == worker))

    async def leave(self) -> None:
        """Sign this worker off."""
        async with self.db.writing() as session:
            await session.execute(delete(Worker).where(Worker.id == self.worker))

    async def claim(self, free: int, repos: Sequence[str]) -> list[Claim]:
        """Take up to `free` pending agents; whoever waits longest first."""
        if free <= 0 or not repos:
            return []
        async with self.db.writing() as session:
            taken = (await session.execute(_claiming(free, repos))).all()
            claims = [Claim(node, attempt, flow, uuid4().hex) for node, attempt, flow in taken]
            if claims:
                await session.execute(insert(Run).values([self._run(claim) for claim in claims]))
        if claims:
            reached(Failpoint.AFTER_CLAIM_COMMIT)
        return sorted(claims, key=lambda claim: claim.agent_id)

    def _run(self, claim: Claim) -> dict[str, Any]:
        return {
            "node_id": claim.agent_id,
            "attempt": claim.attempt,
            "worker": self.worker,
            "host": self.host,
            "marker": claim.marker,
            "lease_until": now(self.seconds),
        }

    async def renew(self, keys: Collection[RunKey]) -> set[RunKey]:
        """Renew the leases of these runs; gives those that still are this worker's."""
        renewing = (
            update(Run)
            .where(
                tuple_(Run.node_id, Run.attempt).in_(keys),
                Run.worker == self.worker,
                Run.ended_at.is_(None),
            )
            .values(lease_until=now(self.seconds))
            .returning(Run.node_id, Run.attempt)
        )
        seen = update(Worker).where(Worker.id == self.worker).values(seen_at=now())
        async with self.db.writing() as session:
            await setback.mend(session, self.seconds)
            await session.execute(seen)
            if not keys:
                return set()
            return {(node, attempt) for node, attempt in await session.execute(renewing)}

    async def cancelled(self, keys: Collection[RunKey]) -> set[RunKey]:
        """Which of these runs somebody asked to stop."""
        if not keys:
            return set()
        asked = select(Node.id, Node.attempt).where(
            Node.status == Status.ACTIVE,
            or_(Node.cancelled_by.is_not(None), Node.redo),
            Node.id.in_([agent for agent, _ in keys]),
        )
        async with self.db.reading() as session:
            return {(node, attempt) for node, attempt in await session.execute(asked)}

    async def take_over(self, limit: int, mine: Collection[RunKey]) -> list[LostRun]:
        """Become the owner of runs whose lease is over, to close them."""
        lost = select(Run.node_id, Run.attempt).where(
            Run.ended_at.is_(None),
            Run.lease_until < now(),
            tuple_(Run.node_id, Run.attempt).not_in(mine) if mine else literal(value=True),
        )
        async with self.db.reading() as session:
            if not (await session.execute(lost.limit(1))).all():
                return []  # the rule, and it takes no write lock
        first = lost.order_by(Run.lease_until).limit(limit).with_for_update(skip_locked=True)
        chosen = first.cte("chosen").prefix_with("MATERIALIZED", dialect="postgresql")
        taking = (
            update(Run)
            .where(
                tuple_(Run.node_id, Run.attempt).in_(select(chosen.c.node_id, chosen.c.attempt)),
                Run.ended_at.is_(None),
            )
            .values(worker=self.worker, lease_until=now(self.seconds))
            .returning(Run)
        )
        async with self.db.writing() as session:
            runs = list(await session.scalars(taking))
            flows = await _workflows(session, [run.node_id for run in runs])
            return [_lost(run, flows[run.node_id]) for run in runs]

    async def hold(self, session: AsyncSession, claim: Claim, **values: Any) -> None:
        """Write into a run that must be ours; raises LostLease when it is not any more."""
        ours = update(Run).where(
            Run.node_id == claim.agent_id,
            Run.attempt == claim.attempt,
            Run.worker == self.worker,
            Run.ended_at.is_(None),
        )
        held = ours.values(lease_until=now(self.seconds), **values).returning(Run.node_id)
        if (await session.execute(held)).one_or_none() is None:
            raise LostLease(f"agent {claim.agent_id}, attempt {claim.attempt}")


def _claiming(free: int, repos: Sequence[str]) -> Any:
    first = (
        select(Node.id)
        .where(
            Node.status == Status.PENDING,
            Node.kind == Kind.AGENT,
            Node.available_at <= now(),
            Node.repo.in_(repos),
            ~select(Brake.id).exists(),
        )
        .order_by(Node.available_at, Node.id)
        .limit(free)
        .with_for_update(skip_locked=True)
        .cte("first")
        .prefix_with("MATERIALIZED", dialect="postgresql")
    )
    return (
        update(Node)
        .where(Node.id.in_(select(first.c.id)), Node.status == Status.PENDING)
        .values(status=Status.ACTIVE, attempt=Node.attempt + 1)
        .returning(Node.id, Node.attempt, Node.workflow_id)
    )


async def _workflows(session: AsyncSession, agents: Sequence[int]) -> dict[int, int]:
    rows = await session.execute(select(Node.id, Node.workflow_id).where(Node.id.in_(agents)))
    return {row.id: row.workflow_id for row in rows}


def _lost(run: Run, workflow_id: int) -> LostRun:
    kept = (run.marker, run.host, run.pid, run.pid_started, run.workspace)
    return LostRun(run.node_id, run.attempt, workflow_id, *kept)
