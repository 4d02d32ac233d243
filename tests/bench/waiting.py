"""What it costs that a thousand agents wait for people: processes, memory, processor.

They wait for the permission of a tool call, by the ledger's own verbs; that they wait has been
told in their threads. Beside it stands the same daemon with none of them.
"""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

from sqlalchemy import text

from bot.local import LocalSlack
from engine import Limits, Repo, settling
from engine.commands import Incoming, record
from engine.executor import AgentResult, Call
from engine.leases import Leases
from engine.requests import Wish
from engine.runs import Ending, Runs
from engine.settings import Settings, async_url
from engine.spec import AgentSpec, Origin, Person
from engine.store import Database
from engine.workflows import Workflows
from tests.bench.daemon import Installation
from tests.bench.ground import Copy, Ground, Written
from tests.bench.measure import Extent
from tests.bench.process import SideFailed
from tests.bench.rows import Row, collected

AGENTS = 1_000
LEAST = 5  # also of a quick run
SETTLE_SECONDS = 15.0
IDLE_SECONDS = 30.0
RULE = "Bash(touch:*)"
NOTE = "mab serve, bot and worker in one process; the questions have been told"
TOLD = (
    "UPDATE events SET delivered_at = at WHERE notify",
    """UPDATE workflows SET shown = version, card = '{"channel": "C1", "ts": "1.1"}'""",
)


async def waiting(ground: Ground, extent: Extent) -> AsyncIterator[Row]:
    """Processes, memory and processor of a daemon with so many that wait, and with none."""
    for side in ("mab PostgreSQL", "mab SQLite"):
        if not extent.takes(side):
            continue
        found = [await _daemon(ground, extent, side) for _ in extent.times]
        for row in collected("waiting", found, side=side, note=NOTE):
            yield row


async def _daemon(ground: Ground, extent: Extent, side: str) -> dict[str, float]:
    name = await ground.fresh() if side.endswith("PostgreSQL") else ""
    copy = Copy(ground, name, ground.file(), Written(0, 0))
    agents = max(extent.of(AGENTS), LEAST)
    async with LocalSlack(limits=False) as slack:
        installation = await Installation.made(ground.home(), copy.url, slack)
        none = await _cost(installation, extent, "none")
        await _asked(copy.url, installation.root, agents)
        cost = none | await _cost(installation, extent, f"{agents}")
    still = await copy.counted("SELECT count(*) FROM nodes WHERE status = 'waiting'")
    if still != agents:
        raise SideFailed(f"{still} of {agents} agents wait")
    await copy.removed()
    return cost


async def _cost(installation: Installation, extent: Extent, who: str) -> dict[str, float]:
    async with installation.serving() as daemon:
        await asyncio.sleep(1 if extent.quick else SETTLE_SECONDS)
        idle = 2.0 if extent.quick else IDLE_SECONDS
        before = daemon.cpu_seconds
        await asyncio.sleep(idle)
        return {
            f"{who} waiting, resident MiB": daemon.resident_mb,
            f"{who} waiting, beside it processes": daemon.children,
            f"{who} waiting, CPU of a core %": 100 * (daemon.cpu_seconds - before) / idle,
        }


async def _asked(url: str, root: Path, agents: int) -> None:
    """Have agents ask for a permission, and their threads tell so."""
    db = Database.connect(async_url(url))
    settings = Settings(repos={"shop": Repo(path=root / "shop")}, limits=Limits(per_user=agents))
    flows = Workflows(db, settings)
    leases = Leases(db, "bench", "host", 60.0)
    runs, wanted = Runs(flows, leases), Call("x", "Bash", {"command": "touch made.txt"}, RULE)
    result = AgentResult(success=False, session_id=str(uuid4()), waits=(wanted,))
    asks = settling.matter(result, root)
    for number in range(agents):
        key = f"command:{number}"
        await record(db, Incoming(key, "command", {}, "U2"))
        wish = Wish(Origin("T/C", f"{number}.0"), Person("U2", "Reviewer"), key, again=True)
        await flows.start(AgentSpec("careful", repo="shop"), wish)
        (claim,) = await leases.claim(1, ["shop"])
        await runs.close(claim, Ending(None, result, asks=asks))
    async with db.writing() as session:
        for statement in TOLD:
            await session.execute(text(statement))
    await db.close()
