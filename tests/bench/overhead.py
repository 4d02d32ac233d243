"""What the whole path costs beside the agents: ours by a bare loop of the SDK's `query()`.

The same CLI and demo model; each agent takes three turns: it writes a file, counts it in its
shell, and says so. Ours is `mab serve`, from the first recorded request to the last recorded
end, with a worktree, a branch and a commit for each agent; its processor time ends when the ends
have been told. The bare loop has its directories already. Before the clock starts each side has
run an agent, so that what is loaded once does not count. The model and the local Slack run in
the bench's own process and count for nobody.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from bot.local import LocalSlack
from engine.demo_model import DemoModel, Scene, Script, call, say
from engine.executor import Sandbox
from engine.sandbox import sandbox_tools
from tests import repositories
from tests.bench.daemon import Daemon, Installation, cpu_seconds
from tests.bench.ground import Copy, Ground, Written
from tests.bench.measure import Extent
from tests.bench.process import SideFailed, told
from tests.bench.rows import Row, collected, is_ours

AGENTS = (1, 8)
LEAST = 2  # of the larger number, also of a quick run
SLOTS = 2
SECONDS = 300.0  # for all of them
TASK = "Write made.txt and count its words"
MADE, COUNTED = "one two three\n", "3"
COUNT = "wc -w < made.txt > counted.txt"
LOOK = "if [ -w /var/tmp ]; then echo off; else echo auto; fi >> counted.txt"  # its sandbox
TURNS = 3
SCRIPT = Script(
    (
        Scene(
            TASK,
            (
                call("Write", file_path="made.txt", content=MADE),
                call("Bash", command=f"{COUNT}; {LOOK}"),
                say("It has three words."),
            ),
        ),
    )
)
BARE, OURS = "bare query()", ("mab PostgreSQL", "mab SQLite")
ENDED = (
    "SELECT nodes.status, nodes.commit_sha, {}, {} FROM nodes"
    " JOIN requests ON requests.id = nodes.request_id"
    " JOIN commands ON commands.key = requests.command_key ORDER BY nodes.id"
)
MOMENTS = ("commands.at", "requests.ended_at")
ON_SERVER = ENDED.format(*(f"extract(epoch FROM {moment})" for moment in MOMENTS))
IN_FILE = ENDED.format(*(f"(julianday({moment}) - 2440587.5) * 86400" for moment in MOMENTS))
PART = "without child processes"
Spent = Mapping[str, float]


async def overhead(ground: Ground, extent: Extent) -> AsyncIterator[Row]:
    """Wall clock and processor time of so many agents on two slots, and ours by the loop's."""
    chosen = Sandbox.OFF if await asyncio.to_thread(sandbox_tools) else Sandbox.AUTO
    for agents in (1, max(extent.of(AGENTS[-1]), LEAST)):
        load = Load(ground, agents, chosen)
        found: dict[str, list[Spent]] = {BARE: [], **{s: [] for s in OURS if extent.takes(s)}}
        for _ in extent.times:
            for side, spent in found.items():
                spent.append(await (load.ours(side) if is_ours(side) else load.bare()))
        for side, spent in found.items():
            for row in collected("overhead", spent, side=side, note=load.note):
                yield row
            if side != BARE:
                for row in _ratios(side, spent, found[BARE], load.note):
                    yield row


def _ratios(side: str, ours: Sequence[Spent], bare: Sequence[Spent], note: str) -> list[Row]:
    """Ours by the bare loop's, of each repetition."""
    found = [
        {f"{key.rpartition(' ')[0]} by the bare loop's x": mine[key] / theirs[key] for key in mine}
        for mine, theirs in zip(map(_whole, ours), map(_whole, bare), strict=True)
    ]
    return collected("overhead", found, side=side, note=note)


def _whole(spent: Spent) -> Spent:
    return {key: value for key, value in spent.items() if PART not in key}


@dataclass(frozen=True)
class Load:
    """So many agents, as both sides run them."""

    ground: Ground
    agents: int
    sandbox: Sandbox

    @property
    def note(self) -> str:
        """What has to be known of both sides."""
        return f"{SLOTS} at once, {TURNS} turns, sandbox {self.sandbox} on both sides"

    def _spent(self, wall: float, cpu: float, own: float) -> Spent:
        who = "1 agent" if self.agents == 1 else f"{self.agents} agents"
        of_it = f"{who}, CPU {PART} s"
        return {f"{who}, wall s": wall, f"{who}, CPU s": cpu, of_it: own}

    async def bare(self) -> Spent:
        """Have the SDK run them in directories that are there."""
        root = self.ground.home()
        async with DemoModel(SCRIPT) as model:
            places = [root / f"place-{number}" for number in range(self.agents + 1)]
            for place in places:
                await asyncio.to_thread(repositories.create, place)
            found = await told(
                "query_side",
                self.ground.root / "errors",
                task=TASK,
                places=[str(place) for place in places],
                at_once=SLOTS,
                environ={**model.environment, "HOME": str(root)},
                sandbox=self.sandbox is not Sandbox.OFF,
            )
            _asked(model, self.agents + 1)
        for place in places:
            self._counted((place / "counted.txt").read_text())
        return self._spent(found["wall"], found["cpu"], found["own"])

    async def ours(self, side: str) -> Spent:
        """Have people ask `mab serve` for them, after one that does not count."""
        name = await self.ground.fresh() if side.endswith("PostgreSQL") else ""
        copy = Copy(self.ground, name, self.ground.file(), Written(0, 0))
        async with LocalSlack(limits=False) as slack, DemoModel(SCRIPT) as model:
            configured = f"[limits]\nslots = {SLOTS}\n[agent]\nsandbox = '{self.sandbox}'\n"
            installation = await Installation.made(
                self.ground.home(), copy.url, slack, model.environment, configured
            )
            async with installation.serving() as daemon:
                await _typed(slack, 1, 1)
                before, own = self._used(daemon, name), daemon.own_cpu_seconds
                await _typed(slack, self.agents, self.agents + 1)
                cpu, own = self._used(daemon, name) - before, daemon.own_cpu_seconds - own
            _asked(model, self.agents + 1)
        wall = await self._wall(copy, installation.root / "shop")
        await copy.removed()
        return self._spent(wall, cpu, own)

    def _used(self, daemon: Daemon, database: str) -> float:
        """Seconds of the processor: the daemon's, and the server's where there is one."""
        server = self.ground.server.process
        beside = cpu_seconds(psutil.Process(server.pid)) if database and server else 0.0
        return daemon.cpu_seconds + beside

    async def _wall(self, copy: Copy, shop: Path) -> float:
        """From the first recorded request to the last recorded end; SideFailed: they did not."""
        ended = await copy.rows(ON_SERVER, IN_FILE)
        if [status for status, *_ in ended] != ["completed"] * (self.agents + 1):
            raise SideFailed(f"of {self.agents + 1} agents: {ended}")
        for _, commit, *_ in ended:
            counted = f"{commit}:counted.txt"
            self._counted(await asyncio.to_thread(repositories.git, shop, "show", counted))
        counts = ended[1:]
        return float(max(row[3] for row in counts)) - float(min(row[2] for row in counts))

    def _counted(self, words: str) -> None:
        """Raise SideFailed unless a shell, in its sandbox or none, has counted what was written."""
        if words.split() != [COUNTED, self.sandbox]:
            raise SideFailed(f"sandbox {self.sandbox}, counted were {words!r}")


async def _typed(slack: LocalSlack, agents: int, told_by_then: int) -> None:
    """People ask for agents all at once; wait until the end of every one so far is told."""
    asked = (slack.commands("you", "general", f"/agent spawn {TASK} ({n})") for n in range(agents))
    answers = await asyncio.gather(*asked)
    if refused := [said for said in answers if not said.ok]:
        raise SideFailed(f"not acknowledged: {refused}")

    def told_of() -> bool:
        return sum(m.thread_ts is not None for m in slack.messages("general")) >= told_by_then

    await slack.settled(told_of, timeout=SECONDS)


def _asked(model: DemoModel, agents: int) -> None:
    """Raise SideFailed unless the model was asked by so many agents, for three turns each.

    And for some more, where a shell's sandbox did not start and its call was made once more.
    """
    asked = [request.session for request in model.requests if not request.side]
    more = len(asked) - agents * TURNS
    if not 0 <= more <= agents // 2 or len({*asked}) != agents:
        raise SideFailed(f"{len(asked)} requests of {len({*asked})} sessions by {agents} agents")
