"""A worker in the bench's own process, for what is measured call by call."""

import asyncio
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from bot.demo import DemoSettings
from engine import Executor, Limits, Listeners, Outside, Repo, Workflows, make_worker
from engine.executor import AgentResult, Job, Watch
from engine.store import Database
from engine.verdicts import Halt
from engine.worker import Worker
from tests.bench.sides.bare import without_worktrees

MUCH = Decimal(10**6)  # US dollars: what waits for money is not what is measured


@dataclass(frozen=True)
class Endless:
    """Works until it is stopped."""

    async def run(self, _job: Job, _watch: Watch) -> AgentResult:
        """Wait; see `engine.executor.Executor`."""
        await asyncio.Event().wait()
        return AgentResult(success=True)


async def worker_here(db: Database, home: Path, executor: Executor, slots: int = 1) -> Worker:
    """A worker on this ledger, known to it, whose ticks are called by whoever measures."""
    shop = home / "shop"
    await asyncio.to_thread(shop.mkdir)
    settings = DemoSettings(
        home=home / "mab",
        repos={"shop": Repo(path=shop)},
        limits=Limits(slots=slots, per_user=10**6, workflow_budget_usd=MUCH, daily_budget_usd=MUCH),
    )
    flows = Workflows(db, settings)
    outside = Outside({"PATH": "/usr/bin:/bin"}, {}, home / "mab.toml", home)
    made = make_worker(flows, executor, outside, Listeners())
    without_worktrees(made, home)
    await made.join("bench")
    return made


async def handed_back(worker: Worker) -> None:
    """Have a worker's agents go back into the line, and none begin in their place."""
    worker.stopping = True
    for attempt in worker.attempts.values():
        attempt.halt(Halt.HANDOVER)
    while worker._tasks:
        await asyncio.wait(set(worker._tasks))
    worker.stopping = False
