"""Twenty wishes at once, and four slots."""

import asyncio
from dataclasses import dataclass, field
from pathlib import Path

from bot.local import Message
from engine import AgentResult, Executor, Job, ScriptedExecutor, Status
from engine.executor import Watch
from engine.scripted import Wait, Write
from tests.conversations.conftest import World, is_card, shown

AGENTS, SLOTS = 20, 4
NUMBERS = range(1, AGENTS + 1)


@dataclass
class Counted:
    """An executor that counts who is inside, and asks the ledger whenever somebody enters."""

    executor: Executor
    world: World
    inside: int = 0
    most: int = 0
    active: list[int] = field(default_factory=list)
    workspaces: list[Path] = field(default_factory=list)

    async def run(self, job: Job, watch: Watch) -> AgentResult:
        """Run the job (engine.executor.Executor)."""
        self.inside += 1
        self.most = max(self.most, self.inside)
        self.workspaces.append(job.workspace)
        views = await self.world.agents()
        self.active.append(sum(view.status is Status.ACTIVE for view in views))
        try:
            return await self.executor.run(job, watch)
        finally:
            self.inside -= 1


async def test_twenty_spawns_end_once_each_on_four_slots(world: World) -> None:
    gate = asyncio.Event()
    world.script["task"] = [Write("mine.txt", "x"), Wait(gate)]
    counted = Counted(ScriptedExecutor(world.script), world)
    await world.begins(counted)
    await asyncio.gather(*(world.says(f"/agent spawn task {n}") for n in NUMBERS))
    await world.until(lambda: counted.inside == SLOTS and len(cards(world)) == AGENTS)
    assert any("4 of 4 slots busy" in shown(card) for card in cards(world))
    gate.set()
    views = await world.ended(*NUMBERS)
    assert {view.status for view in views} == {Status.COMPLETED}
    assert {view.task for view in views} == {f"task {n}" for n in NUMBERS}
    assert len({view.work.branch for view in views}) == AGENTS
    assert len(set(counted.workspaces)) == len(counted.workspaces) == AGENTS
    assert counted.most == max(counted.active) == SLOTS
    await world.until(lambda: len(world.terminals()) >= AGENTS)
    await world.delivered()
    roots = sorted(card.ts for card in cards(world))
    assert sorted(str(told.thread_ts) for told in world.terminals()) == roots
    assert len(roots) == len(set(roots)) == AGENTS


def cards(world: World) -> list[Message]:
    """Every card that was posted."""
    return [message for message in world.slack.messages("general") if is_card(message)]
