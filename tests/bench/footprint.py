"""What it costs to have `mab serve` there while nobody asks for anything."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

from bot.local import LocalSlack
from tests.bench.daemon import Installation
from tests.bench.ground import Copy, Ground, Written
from tests.bench.measure import Extent
from tests.bench.process import told
from tests.bench.rows import Row, collected

SETTLE_SECONDS = 10.0  # after which it is idle
IDLE_SECONDS = 60.0
AGENTS = 100  # that run at a time; those of a slot more each cost the same
ASKED = ("statement: ", "execute ")  # how PostgreSQL's log tells of a statement
NOTE = (
    "bot and worker in one process, local Slack, poll every second; ready = Slack has its sockets"
)


async def footprint(ground: Ground, extent: Extent) -> AsyncIterator[Row]:
    """Start, memory, processor and statements of an idle daemon; memory of a running agent."""
    for side in ("mab PostgreSQL", "mab SQLite"):
        if not extent.takes(side):
            continue
        found = [await _idle(ground, extent, side) for _ in extent.times]
        for row in collected("footprint", found, side=side, note=NOTE):
            yield row
    if extent.takes("mab SQLite"):
        held = [await _held(ground, extent) for _ in extent.times]
        note = "without its CLI; the rest of the worker program"
        for row in collected("footprint", held, side="mab SQLite", note=note):
            yield row


async def _idle(ground: Ground, extent: Extent, side: str) -> dict[str, float]:
    name = await ground.fresh() if side.endswith("PostgreSQL") else ""
    copy = Copy(ground, name, ground.file(), Written(0, 0))
    async with LocalSlack(limits=False) as slack:
        installation = await Installation.made(ground.home(), copy.url, slack)
        async with installation.serving() as first:
            made = {"first start to ready s": first.ready_seconds}
        if name:
            await ground.server.execute(f"ALTER DATABASE {name} SET log_statement = 'all'")
        async with installation.serving() as daemon:
            measured = made | {"start to ready s": daemon.ready_seconds}
            await asyncio.sleep(1.0 if extent.quick else SETTLE_SECONDS)
            idle = 2.0 if extent.quick else IDLE_SECONDS
            before, asked = daemon.cpu_seconds, await _asked(ground)
            await asyncio.sleep(idle)
            measured["idle CPU of a core %"] = 100 * (daemon.cpu_seconds - before) / idle
            if name:
                many = await _asked(ground) - asked
                measured["idle statements /min"] = 60 * many / idle
            measured |= {"resident MiB": daemon.resident_mb}
    await copy.removed()
    return measured


async def _asked(ground: Ground) -> int:
    """How many statements the server has told of so far."""
    log = await asyncio.to_thread((ground.server.root / "log").read_text, errors="replace")
    return sum(any(word in line for word in ASKED) for line in log.splitlines())


async def _held(ground: Ground, extent: Extent) -> dict[str, float]:
    """What memory grows by for an agent that runs, its CLI left out."""
    agents = 12 if extent.quick else AGENTS
    work = {"jobs": agents, "concurrency": agents, "home": str(ground.home())}
    errors: Path = ground.root / "errors"
    url = f"sqlite:///{ground.file()}"
    found = await told("mab_side", errors, do="hold", url=url, **work)
    return {"resident for a running agent MiB": found["grown"] / found["agents"]}
