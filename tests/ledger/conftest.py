"""A ledger to act on: the engine's verbs, and workers that only write."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import select, update

from engine.commands import Incoming, record
from engine.decisions import Decisions
from engine.executor import AgentResult
from engine.growing import Growing
from engine.leases import Claim, Leases
from engine.mending import Mending
from engine.models import Clock, Event, Node, Run
from engine.outbox import Outbox
from engine.plans import Plans
from engine.requests import Wish
from engine.runs import Ending, Runs
from engine.settings import Limits, Repo, Settings
from engine.spec import AgentSpec, Origin, Person
from engine.states import Status
from engine.store import Database
from engine.talk import Talk
from engine.verdicts import Halt
from engine.workflows import Workflows

ALICE = Person("U1", "Alice")
BOB = Person("U2", "Bob")
DONE = Ending(None, AgentResult(success=True, output="done"))


@dataclass
class LedgerWorld:
    """The ledger and those who write into it."""

    db: Database
    workflows: Workflows
    outbox: Outbox
    asked: int = 0
    _leases: dict[str, Leases] = field(default_factory=dict)

    @property
    def mending(self) -> Mending:
        """The verbs that repair."""
        return Mending(self.workflows)

    @property
    def plans(self) -> Plans:
        """The verbs of what is not started yet."""
        return Plans(self.workflows)

    @property
    def decisions(self) -> Decisions:
        """The verbs of those who are asked."""
        return Decisions(self.workflows)

    @property
    def talk(self) -> Talk:
        """The verbs of speaking to agents."""
        return Talk(self.workflows)

    @property
    def growing(self) -> Growing:
        """The verbs that add to a workflow."""
        return Growing(self.workflows)

    def worker(self, name: str) -> Runs:
        """A worker by its name."""
        leases = self._leases.setdefault(name, Leases(self.db, name, "host", 60.0))
        return Runs(self.workflows, leases)

    async def wish(self, by: Person = ALICE, thread: str | None = None, **rest: Any) -> Wish:
        """A recorded command of somebody."""
        self.asked += 1
        key = f"command:{uuid4().hex}"
        await record(self.db, Incoming(key, "command", {}, by.id))
        return Wish(Origin("T1/C1", thread or f"thread-{self.asked}"), by, key, **rest)

    async def spawn(self, task: str = "", by: Person = ALICE, thread: str | None = None) -> int:
        """Ask for an agent."""
        wish = await self.wish(by, thread)
        return await self.workflows.start(
            AgentSpec(task or f"task {self.asked}", repo="shop"), wish
        )

    async def claim(self, worker: str = "w1", free: int = 10) -> list[Claim]:
        """Let a worker claim."""
        return await self.worker(worker).leases.claim(free, ["shop", "site"])

    async def finish(self, claim: Claim, ending: Ending = DONE, worker: str = "w1") -> Status:
        """Let a worker report the end of an attempt."""
        verdict = await self.worker(worker).close(claim, ending)
        await self.workflows.admit()
        return verdict.status

    async def take_over(self, worker: str) -> list[Claim]:
        """Let a worker take over lost runs and close them."""
        lost = await self.worker(worker).leases.take_over(10, [])
        for run in lost:
            await self.finish(run, Ending(Halt.LOST, AgentResult(success=False)), worker)
        return list(lost)

    async def pass_time(self, seconds: float) -> None:
        """Set the ledger's clock forward."""
        async with self.db.writing() as session:
            await session.execute(update(Clock).values(seconds=Clock.seconds + seconds))

    async def status(self, agent: int) -> Status:
        """Where an agent stands."""
        async with self.db.reading() as session:
            return (await session.get_one(Node, agent)).status

    async def told(self, agent: int) -> list[str]:
        """The names of the notices about an agent."""
        query = select(Event.name).where(Event.node_id == agent, Event.notify).order_by(Event.id)
        async with self.db.reading() as session:
            return list(await session.scalars(query))

    async def outcomes(self, agent: int) -> list[str]:
        """How an agent's attempts ended."""
        query = select(Run.outcome).where(Run.node_id == agent).order_by(Run.attempt)
        async with self.db.reading() as session:
            return list(await session.scalars(query))


def ledger_of(db: Database, home: Path, per_user: int = 3) -> LedgerWorld:
    """A ledger with one repository, in which each person may have some agents at a time."""
    settings = Settings(
        home=home / "home",
        repos={"shop": Repo(path=home / "shop"), "site": Repo(path=home / "site")},
        limits=Limits(per_user=per_user),
    )
    return LedgerWorld(db, Workflows(db, settings), Outbox(db, "bot-1"))


@pytest.fixture
def ledger(db: Database, tmp_path: Path) -> LedgerWorld:
    """An empty ledger."""
    return ledger_of(db, tmp_path)
