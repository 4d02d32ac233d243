"""`mab list|logs|cancel|pause|resume`: what whoever is on call types when Slack is down."""

import getpass
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from bot.messages import words
from bot.settings import BotSettings
from engine import Engine, LogEntry, NodeView, Origin, Person, Wish

TASK = 60  # characters


@asynccontextmanager
async def ledger(settings: BotSettings) -> AsyncIterator[Engine]:
    """The engine on the configured database."""
    engine = Engine.open(settings, "shell")
    try:
        await engine.db.check_version()
        yield engine
    finally:
        await engine.db.close()


def wish() -> Wish:
    """A wish of the user of this shell."""
    name = getpass.getuser()
    return Wish(Origin("shell", None), Person(f"shell:{name}", name), key="")


async def listing(settings: BotSettings) -> str:
    """Every agent that has not ended."""
    async with ledger(settings) as engine:
        agents, paused = await engine.ledger.unfinished(), await engine.paused()
    lines = [_line(agent) for agent in agents] or ["No agent is pending or running."]
    if paused:
        lines.insert(0, f"Paused by {words.clean(paused.by)} since {paused.at:%Y-%m-%d %H:%M} UTC.")
    return "\n".join(lines)


def _line(agent: NodeView) -> str:
    task = words.bounded(words.flat(agent.task), TASK)
    return (
        f"{agent.id:>6}  {agent.status:<9} {agent.repo}  {words.flat(agent.requester.name)}: {task}"
    )


async def log(settings: BotSettings, agent_id: int) -> str:
    """What an agent did, step by step; raises NotFound."""
    async with ledger(settings) as engine:
        agent = await engine.ledger.agent(agent_id)
        entries = await engine.ledger.log(agent_id)
    return "\n".join([_line(agent), *(_entry(entry) for entry in entries)])


def _entry(entry: LogEntry) -> str:
    step = entry.step
    said = f"{step.tool or 'says'} {step.subject}" if step else f"{entry.name} {entry.detail}"
    return f"{entry.at:%Y-%m-%d %H:%M:%S}  {entry.attempt}  {words.flat(said)}"


async def cancel(settings: BotSettings, agent_id: int) -> str:
    """Cancel an agent; raises NotFound, StaleMove."""
    async with ledger(settings) as engine:
        await engine.workflows.cancel(agent_id, wish())
    return f"Agent {agent_id} is being stopped; its work is kept."


async def pause(settings: BotSettings, *, now: bool) -> str:
    """Pull the brake."""
    async with ledger(settings) as engine:
        await engine.workflows.pause(wish(), ends_runs=now)
    return "Paused. `mab resume` starts agents again."


async def resume(settings: BotSettings) -> str:
    """Release the brake."""
    async with ledger(settings) as engine:
        await engine.workflows.resume(wish())
    return "Agents start again."
