"""A worker with real repositories and databases, and agents that follow a script."""

import asyncio
import subprocess
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import update

from engine.api import Ledger
from engine.commands import Incoming, record
from engine.mending import Mending
from engine.models import Clock
from engine.outbox import Outbox
from engine.requests import Wish
from engine.scripted import Action, Plan, ScriptedExecutor
from engine.settings import Limits, Poll, Repo, Settings
from engine.spec import AgentSpec, Origin, Person
from engine.states import TERMINAL, Status
from engine.station import Listeners, Outside, make_worker
from engine.store import Database
from engine.views import NodeView
from engine.worker import Worker
from engine.workflows import Workflows

ALICE = Person("U1", "Alice")
SECONDS = 60.0  # after which a test that waits for something fails


def git(*args: str, cwd: Path) -> str:
    """Run git as a person would."""
    done = subprocess.run(["git", *args], cwd=cwd, check=True, capture_output=True, text=True)
    return done.stdout.strip()


def repository(path: Path) -> Path:
    """A repository with one commit."""
    path.mkdir(parents=True)
    git("init", "-q", "-b", "main", cwd=path)
    git("config", "user.name", "Owner", cwd=path)
    git("config", "user.email", "owner@example.org", cwd=path)
    (path / "README.md").write_text("# Shop\n")
    git("add", ".", cwd=path)
    git("commit", "-qm", "Begin", cwd=path)
    return path


@dataclass
class Station:
    """Workers on one ledger and one repository."""

    db: Database
    settings: Settings
    shop: Path
    home: Path
    script: dict[str, Sequence[Action]] = field(default_factory=dict)
    plan: Plan | None = None  # in the place of the script
    workers: list[Worker] = field(default_factory=list)

    @property
    def workflows(self) -> Workflows:
        return Workflows(self.db, self.settings)

    @property
    def mending(self) -> Mending:
        return Mending(self.workflows)

    @property
    def ledger(self) -> Ledger:
        return Ledger(self.db)

    @property
    def outbox(self) -> Outbox:
        return Outbox(self.db, "bot")

    async def worker(self) -> Worker:
        """A new worker process, as far as the ledger can tell."""
        outside = Outside({"PATH": "/usr/bin:/bin"}, {}, self.home / "mab.toml", self.home)
        made = make_worker(
            self.workflows, ScriptedExecutor(self.plan or self.script), outside, Listeners()
        )
        await made.join("test")
        self.workers.append(made)
        return made

    async def spawn(self, task: str, by: Person = ALICE, **spec: Any) -> int:
        """Ask for an agent."""
        return await self.workflows.start(AgentSpec(task, repo="shop", **spec), await self.wish(by))

    async def begun(self, task: str, *doing: Action) -> tuple[int, Worker]:
        """An agent in the midst of this, and the new worker that has taken it."""
        self.script[task] = doing
        agent = await self.spawn(task)
        worker = await self.worker()
        await worker.tick()
        await self.active(agent)
        return agent, worker

    async def wish(self, by: Person = ALICE) -> Wish:
        """A recorded command in a thread of its own."""
        key = f"command:{uuid4().hex}"
        await record(self.db, Incoming(key, "command", {}, by.id))
        return Wish(Origin("T/C", key), by, key)

    async def pass_time(self, seconds: float) -> None:
        """Set the ledger's clock forward."""
        async with self.db.writing() as session:
            await session.execute(update(Clock).values(seconds=Clock.seconds + seconds))

    async def until(self, agent: int, arrived: Callable[[NodeView], bool]) -> NodeView:
        """Wait for an agent to be as described; fails after a while."""
        async with asyncio.timeout(SECONDS):
            while not arrived(view := await self.ledger.agent(agent)):  # noqa: ASYNC110 - other tasks write
                await asyncio.sleep(0.02)
            return view

    async def ended(self, agent: int) -> NodeView:
        """Wait for an agent's end."""
        return await self.until(agent, lambda view: view.status in TERMINAL)

    async def active(self, agent: int) -> NodeView:
        """Wait until an agent has taken its first step."""
        return await self.until(
            agent, lambda view: view.status is Status.ACTIVE and view.step is not None
        )

    async def idle(self, worker: Worker) -> None:
        """Wait until a worker has nothing to do: until then its own ticks may claim more."""
        async with asyncio.timeout(SECONDS):
            while worker._tasks:
                await asyncio.wait(set(worker._tasks))

    async def told(self) -> list[str]:
        """All notices that wait for delivery, in order."""
        names: list[str] = []
        for workflow in await self.outbox.due(1000):
            delivery = await self.outbox.take(workflow)
            assert delivery is not None
            names += [told.notice.name for told in delivery.notices]
            await self.outbox.release(delivery)
        return names

    def on_branch(self, view: NodeView, path: str) -> str:
        """A file on an agent's branch."""
        return git("show", f"{view.work.branch}:{path}", cwd=self.shop)


@pytest.fixture
async def station(db: Database, tmp_path: Path) -> AsyncIterator[Station]:
    """An installation with a repository called shop."""
    shop = repository(tmp_path / "shop")
    settings = Settings(
        home=tmp_path / "home",
        repos={"shop": Repo(path=shop)},
        limits=Limits(per_user=50),
        poll=Poll(lease_seconds=60),
    )
    made = Station(db, settings, shop, tmp_path / "home")
    yield made
    for running in made.workers:
        for task in set(running._tasks):
            task.cancel()
        await asyncio.gather(*running._tasks, return_exceptions=True)
        await running.tools.model.close()
