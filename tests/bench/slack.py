"""Slack under load: how soon commands are acknowledged, and how fast a backlog is told.

Five commands a second for two minutes: the first third start 200 agents in 200 threads of 20
channels, the rest look at them while they report a step every five seconds. Then the bot is away,
and all agents end: what there is to tell then is what the next bot has to drain. The local Slack
keeps Slack's limits all the while; it runs in the bench's own process, whose event loop is looked
at, too: what it is late is in every acknowledgement.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from time import time
from typing import Any

from bot.local import LocalSlack, Room
from tests.bench.drained import Drained, told_in_order
from tests.bench.field import NO_WORKTREES
from tests.bench.ground import Copy, Ground, Written
from tests.bench.lag import Lag, late_between
from tests.bench.measure import Extent, percentile
from tests.bench.process import SideFailed, answered, beside
from tests.bench.rows import Row, collected

AGENTS = 200
LEAST = 10  # also of a quick run
IN_A_CHANNEL = 10
COMMANDS = 3  # for each agent: one that starts it, and two that look
PER_SECOND = 5.0
SETTLE_SECONDS = 3.0
SECONDS = 300.0  # after which what does not come has failed
EDITS_SECONDS = 130.0  # for which card edits are looked at: two windows of Slack's, and some
LOOKS = ("list", "status {}", "logs {}", "whoami")
BEGUN = "SELECT count(*) FROM nodes WHERE status = 'active'"
ENDED = "SELECT count(*) FROM events WHERE name = 'request.ended'"
TOLD = f"{ENDED} AND delivered_at IS NOT NULL"
STEPS = "SELECT count(*) FROM events WHERE name = 'agent.step'"
NOTE = f"mab bot and a worker, each a process; agents by a script: {NO_WORKTREES}"
GIVEN_UP = "operation_timeout"  # what Slack shows then
Process = asyncio.subprocess.Process


async def slack(ground: Ground, extent: Extent) -> AsyncIterator[Row]:
    """Acknowledgements, event loop, refusals, and the rate at which a backlog is told."""
    for side in ("mab PostgreSQL", "mab SQLite"):
        if not extent.takes(side):
            continue
        found = [await _once(ground, side, max(extent.of(AGENTS), LEAST)) for _ in extent.times]
        for row in collected("slack", found, side=side, note=NOTE):
            yield row


async def _once(ground: Ground, side: str, agents: int) -> dict[str, float]:
    name = await ground.fresh() if side.endswith("PostgreSQL") else ""
    copy = Copy(ground, name, ground.file(), Written(0, 0))
    rooms = [Room(f"room-{n}") for n in range(_rooms(agents))]
    async with LocalSlack(rooms=rooms) as workspace, AsyncExitStack() as stack:
        office = Office(workspace, copy, ground.home(), ground.root / "errors", agents)
        async with office.bot() as first:
            await stack.enter_async_context(office.program("report"))
            await asyncio.sleep(SETTLE_SECONDS)
            found = await _loaded(office)
            found |= _late(office, await office.ended(first))
        await office.all_end()
        async with office.bot():
            found |= await _drained(office)
        found |= await told_in_order(workspace, copy, agents)
    refused = sum(call.status == 429 for call in workspace.calls)
    await copy.removed()
    return found | {"calls refused with 429 %": 100 * refused / len(workspace.calls)}


@dataclass
class Office:
    """A workspace with people who type, and the programs that serve it."""

    slack: LocalSlack
    copy: Copy
    home: Path
    errors: Path
    agents: int
    began: float = 0.0  # seconds of the epoch: the load, and its end
    over: float = 0.0
    given_up: int = 0  # commands that Slack has told people of as failed
    lag: Lag = field(default_factory=Lag)  # of the local Slack

    def program(self, does: str) -> Any:
        """A program, during a block."""
        slack = self.slack
        reached = {
            "url": slack.api_url,
            "bot": slack.bot_token,
            "app": slack.app_token,
            "admin": slack.user("reviewer").id,
        }
        work = {"url": self.copy.url, "jobs": self.agents, "concurrency": self.agents}
        own = {"home": str(self.home), "go": str(self.home / "go"), "slack": reached}
        return beside("slack_side", self.errors, do=does, **work, **own)

    @asynccontextmanager
    async def bot(self) -> AsyncIterator[Process]:
        """A bot, from when Slack has it."""
        async with self.program("speak") as process:
            await self.slack.settled(lambda: self.slack.connections == 2, timeout=60)
            yield process

    async def ended(self, process: Process) -> dict[str, Any]:
        """Have a bot end; what it says. Raises SideFailed."""
        process.terminate()
        async with asyncio.timeout(SECONDS):
            said, _ = await process.communicate()
        return answered("slack_side", process.returncode or 0, said, self.errors)

    async def all_end(self) -> None:
        """Let the agents end, and wait until it is recorded."""
        (self.home / "go").touch()
        await self.until(ENDED, self.agents)

    async def until(self, query: str, many: int) -> None:
        """Wait until a query counts so many; raises SideFailed."""
        found = 0
        try:
            async with asyncio.timeout(SECONDS):
                while (found := await self.copy.counted(query)) < many:  # noqa: ASYNC110 - others write
                    await asyncio.sleep(0.5)
        except TimeoutError:
            tail = self.errors.read_text(errors="replace")[-3000:]
            raise SideFailed(f"{query}: {found} of {many}: {tail}") from None

    async def typed(self, number: int) -> float:
        """A person types a command; seconds until it is acknowledged, or given up.

        Raises SideFailed where Slack shows another error.
        """
        room, look = f"room-{number % _rooms(self.agents)}", LOOKS[number % len(LOOKS)]
        starts = number < self.agents
        text = f"spawn task {number}" if starts else look.format(number % self.agents + 1)
        loop = asyncio.get_running_loop()
        began = loop.time()
        acknowledged = await self._acknowledged(room, text)
        late = loop.time() - began
        while starts and not acknowledged:  # people type it once more
            acknowledged = await self._acknowledged(room, text)
        return late

    async def _acknowledged(self, room: str, text: str) -> bool:
        answer = await self.slack.commands("you", room, f"/agent {text}")
        if not answer.ok and answer.error != GIVEN_UP:
            raise SideFailed(f"/agent {text}: {answer}")
        self.given_up += not answer.ok
        return answer.ok


def _rooms(agents: int) -> int:
    return max(agents // IN_A_CHANNEL, 1)


async def _loaded(office: Office) -> dict[str, float]:
    """Have people type, whatever became of what they typed before."""
    loop, typed = asyncio.get_running_loop(), []
    watching = asyncio.create_task(office.lag.watch())
    office.began, began = time(), loop.time()
    for number in range(office.agents * COMMANDS):
        await asyncio.sleep(began + number / PER_SECOND - loop.time())
        typed.append(asyncio.create_task(office.typed(number)))
    late = [1000 * seconds for seconds in await asyncio.gather(*typed)]
    office.over = time()
    watching.cancel()
    steps = await office.copy.counted(STEPS)
    await office.until(BEGUN, office.agents)
    return {
        "acknowledged p50 ms": percentile(late, 0.50),
        "acknowledged p99 ms": percentile(late, 0.99),
        "acknowledged max ms": max(late),
        "not acknowledged in 3 s commands": office.given_up,
        "steps reported /s": steps / (office.over - office.began),
    }


def _late(office: Office, said: dict[str, Any]) -> dict[str, float]:
    """How late the event loops were during the load: the bot's, and the local Slack's."""
    bot = late_between([(at, late) for at, late in said["late"]], office.began, office.over)
    ours = late_between(office.lag.found, office.began, office.over)
    return {
        "bot's event loop late p99 ms": percentile(bot, 0.99),
        "bot's event loop late max ms": max(bot),
        "local Slack's own late p99 ms": percentile(ours, 0.99),
    }


async def _drained(office: Office) -> dict[str, float]:
    """Wait until every end is told, and look at the edits of cards for two of Slack's minutes."""
    drained = Drained(office.slack, len(office.slack.calls))
    await office.until(TOLD, office.agents)
    return drained.rates | await drained.edited(office.copy, EDITS_SECONDS)
